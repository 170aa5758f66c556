"""`train.py` in the folder of a run: what goes on, and what stays as it was."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import train
from lightning_modules.folder_lock import FolderLock
from tests.samples.places import ROOT
from tests.samples.recordings.speech import TINY
from tests.samples.training import offline, write_everything

CONFIG = ROOT / "configs/train/digits_ctc.yaml"
LOGS = Path("runs/train/digits_ctc")
LAST = LOGS / "checkpoints/last.ckpt"
OF_SLURM = {
    "SLURM_JOB_ID": "1234",
    "SLURM_JOB_NAME": "tried",
    "SLURM_JOB_NODELIST": "localhost",
    "SLURM_LOCALID": "0",
    "SLURM_NNODES": "1",
    "SLURM_NODEID": "0",
    "SLURM_NTASKS": "1",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_PROCID": "0",
}


def run(verb: str, data: Path, *settings: str) -> object:
    """Run a verb on small data, with further settings; return its exit status."""
    small = [f"--model.init_args.model_fields.{name}={value}" for name, value in TINY.items()]
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.limit_val_batches=1"]
    given = [*offline(CONFIG, data), *small, *quiet, *settings]
    return train.main([verb, "--config", str(CONFIG), *given])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data and a run of two steps."""
    folder = tmp_path_factory.mktemp("trained")
    write_everything(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr("sys.argv", ["train.py"])
        assert run("fit", folder, "--trainer.max_steps=2", "--model.init_args.lr=0.004") == 0
    return folder


@pytest.fixture(autouse=True)
def _copied(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


def settings_of(name: str) -> Any:
    return yaml.safe_load((LOGS / name).read_text())


def test_a_run_goes_on_with_the_rate_that_it_is_given(trained: Path) -> None:
    given = ["--ckpt_path=last", "--trainer.max_steps=3", "--model.init_args.lr=0.002"]
    with pytest.warns(UserWarning, match=r"`lr` was 0\.004 in the checkpoint and is 0\.002"):
        assert run("fit", trained, *given) == 0
    saved = torch.load(LAST, weights_only=True)
    assert saved["global_step"] == 3
    assert saved["lr_schedulers"][0]["base_lrs"] == [0.002]
    assert settings_of("config.yaml")["model"]["init_args"]["lr"] == 0.002


def test_an_evaluation_leaves_what_the_training_wrote_of_itself(trained: Path) -> None:
    before = (LOGS / "config.yaml").read_bytes()
    assert run("test", trained, "--ckpt_path", str(LAST), "--model.init_args.lr=7") == 0
    assert (LOGS / "config.yaml").read_bytes() == before
    assert settings_of("config.yaml")["model"]["init_args"]["lr"] == 0.004
    assert settings_of("config.test.yaml")["model"]["init_args"]["lr"] == 7
    assert "config.yaml" not in {path.name for path in Path().glob("*")}


def test_checkpoints_stay_whole_where_temporary_files_are_on_another_file_system(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def refuse(source: str, target: str) -> None:
        if target.endswith(".ckpt"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    def be_killed(_: str, target: str, **__: Any) -> None:
        Path(target).write_bytes(b"half")
        raise KeyboardInterrupt

    # As Python moves a file then.
    monkeypatch.setattr("os.rename", refuse)
    monkeypatch.setattr("shutil.copyfile", be_killed)
    given = ["--ckpt_path=last", "--trainer.max_steps=3", "--model.init_args.lr=0.004"]
    assert run("fit", trained, *given) == 0
    assert torch.load(LAST, weights_only=True)["global_step"] == 3
    assert [path.name for path in LAST.parent.iterdir() if path.suffix != ".ckpt"] == []


def test_only_the_job_that_saved_at_the_end_of_its_time_goes_on_from_it_unasked(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (OF_SLURM | {"SLURM_RESTART_COUNT": "1"}).items():
        monkeypatch.setenv(name, value)

    def begin(verb: str, job: str, *settings: str) -> object:
        monkeypatch.setenv("SLURM_JOB_ID", job)
        return run(verb, trained, "--trainer.max_steps=3", *settings)

    shutil.copy(LAST, "hpc_ckpt_1.ckpt")  # as Lightning calls it; it says of no job
    assert begin("fit", "1234") == 2
    assert begin("fit", "1234", "--ckpt_path=last", "--model.init_args.lr=0.004") == 0
    shutil.copy(LAST, "hpc_ckpt_2.ckpt")
    capsys.readouterr()
    for verb, job in (("fit", "99"), ("validate", "1234")):
        assert begin(verb, job) == 2
        said = capsys.readouterr().err
        assert "`default_root_dir` must be a folder without a checkpoint of another job" in said
        assert "hpc_ckpt_2.ckpt" in said
        assert ("`--ckpt_path hpc` goes on from it" in said) == (verb == "fit")
    with pytest.warns(UserWarning, match=r"`lr` was 0\.004 in the checkpoint and is 0\.002"):
        assert begin("fit", "1234", "--model.init_args.lr=0.002") == 0


def test_a_refused_training_leaves_what_the_one_at_work_wrote_of_itself(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (LOGS / "config.yaml").read_bytes()
    lock = FolderLock(LOGS / "checkpoints")
    assert run("fit", trained, "--model.init_args.lr=7") == 2
    lock.release()
    assert "`dirpath` must be a folder that no other process" in capsys.readouterr().err
    assert (LOGS / "config.yaml").read_bytes() == before


def test_a_prediction_that_nobody_writes_is_refused(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", trained, "--ckpt_path", str(LAST)) == 2
    assert "`callbacks` must have one that writes for `predict`" in capsys.readouterr().err
