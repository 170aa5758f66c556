"""`train.py` that is asked to end: one sentence, and the status that a shell gives to SIGTERM."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

import train
from profiling.training.task_trainer import TaskTrainer
from tests.samples.places import CONFIGS
from tests.samples.training import offline
from tests.samples.variants.hubert import lhubert

TEXT = "text"  # which needs no data


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


def let(hook: str, do: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `train.py` do something in every call of a hook."""
    more = type("More", (lightning.Callback,), {hook: lambda *_: do()})
    monkeypatch.setattr(train, "CALLBACKS", (*train.CALLBACKS, more))


def run(verb: str, config: str, *settings: str) -> int:
    quiet = ["--trainer.enable_progress_bar=false"]
    return train.main([verb, "--config", str(CONFIGS / f"train/{config}.yaml"), *settings, *quiet])


@pytest.mark.parametrize(
    ("verb", "config", "hook", "said"),
    [
        (
            *("fit", TEXT, "on_train_batch_start"),
            "interrupted; `--ckpt_path last` goes on from the last checkpoint, if one was saved",
        ),
        ("validate", TEXT, "on_validation_batch_start", "interrupted"),
        ("test", TEXT, "on_test_batch_start", "interrupted"),
        ("predict", "features", "on_predict_batch_start", "interrupted"),
        pytest.param(
            *("labels", "labels_mfcc", "on_predict_batch_start"),
            "interrupted; the same command goes on from here",
            marks=pytest.mark.torchaudio,
        ),
    ],
)
def test_sigterm_ends_every_verb_behind_its_batch(
    verb: str,
    config: str,
    hook: str,
    said: str,
    everything: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def ask() -> None:
        asked.append(hook)
        os.kill(os.getpid(), signal.SIGTERM)

    let(hook, ask, monkeypatch)
    settings = offline(CONFIGS / f"train/{config}.yaml", everything)
    if config == "features":
        lhubert().save_pretrained("model")
        settings += ["--model.init_args.checkpoint=model", "--model.init_args.layer=1"]
    before = signal.getsignal(signal.SIGTERM)
    assert run(verb, config, *settings) == 143
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert len(asked) == 1
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_breaks_because_others_were_asked_to_end_too_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask() -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")

    let("on_train_batch_start", ask, monkeypatch)
    assert run("fit", TEXT) == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("interrupted; ")


def be_asked(rank: int, folder: Path, job: str) -> None:
    """Train in one of two tasks of SLURM; each is asked in another batch."""
    os.chdir(folder)
    variables = {"PROCID": rank, "LOCALID": rank, "NODEID": 0, "NTASKS": 2, "JOB_ID": job}
    variables |= {"NTASKS_PER_NODE": 2, "NNODES": 1, "JOB_NAME": "tried", "NODELIST": "localhost"}
    os.environ |= {f"SLURM_{name}": str(value) for name, value in variables.items()}
    sys.argv = ["train.py"]
    torch.set_num_threads(1)

    class Asked(lightning.Callback):
        def on_train_batch_start(self, *given: Any) -> None:
            if given[-1] == 2 + rank:
                os.kill(os.getpid(), signal.SIGTERM)

    train.CALLBACKS = (*train.CALLBACKS, Asked)  # type: ignore[assignment]
    two = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu"]
    sys.exit(run("fit", TEXT, *two))


def test_processes_that_are_asked_in_different_batches_all_end(
    server: ForkServerContext, tmp_path: Path
) -> None:
    given = [(rank, tmp_path, str(os.getpid())) for rank in range(2)]
    processes = [server.Process(target=be_asked, args=each) for each in given]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    ended = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert ended == [143, 143]


def test_a_process_lives_on_whose_children_end_before_it_when_they_are_asked_to() -> None:
    child, this = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    launcher = _SubprocessScriptLauncher(LightningEnvironment(), 2, 1)
    launcher.procs.append(child)
    observer = _ChildProcessObserver(this.pid, launcher.procs)
    assert not observer._run()
    built = TaskTrainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    built.strategy._launcher = launcher
    built._note_sigterm(signal.SIGTERM, None)
    assert child.wait(60) == -signal.SIGTERM
    assert observer._run()  # it watches no longer
    this.terminate()
    assert this.wait(60) == -signal.SIGTERM  # it was not killed before
