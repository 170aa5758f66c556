"""One process at a time writes into a folder."""

import errno
import fcntl
import subprocess
import sys
import warnings

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock
from lightning_modules.training.folder_use import FolderUse
from tests.samples.fitting import TinyTokens, loader, tokens, trainer
from tests.samples.places import ROOT

HOLDS = """
import sys
from lightning_modules.folder_lock import FolderLock
lock = FolderLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_that_another_process_writes_into_is_refused_until_that_ends(tmp_path):
    folder = tmp_path / "made"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ModelError, match="`dirpath` must be a folder that no other process"):
        FolderLock(folder, "dirpath")
    process.kill()  # it gives nothing back by itself
    process.communicate()
    FolderLock(folder).release()
    assert list(folder.iterdir()) == []


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ModelError, match="a file system that can lock files, .*not implemented"):
        FolderLock(tmp_path)


def test_two_trainings_exclude_each_other_by_the_folder_of_their_checkpoints(tmp_path):
    from lightning import LightningModule, Trainer

    def trainer():
        return Trainer(accelerator="cpu", logger=False, callbacks=[ModelCheckpoint(tmp_path)])

    module = LightningModule()
    first, second = FolderUse(), FolderUse()
    first.on_fit_start(trainer(), module)
    with pytest.raises(ModelError, match="`dirpath`"):
        second.on_fit_start(trainer(), module)
    first.teardown(trainer(), module, "fit")
    second.on_fit_start(trainer(), module)
    second.teardown(trainer(), module, "fit")


def test_a_run_is_told_where_its_last_checkpoint_will_be_if_another_run_was_there_before(tmp_path):
    def train(steps=1, ckpt_path=None):
        saved = ModelCheckpoint(tmp_path / "checkpoints", every_n_train_steps=1, save_last=True)
        settings = {"callbacks": [FolderUse(), saved], "enable_checkpointing": True}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            built = trainer(tmp_path, max_steps=steps, **settings)
            built.fit(TinyTokens(), loader([tokens(2, 5)] * 4), ckpt_path=ckpt_path)
        said = [str(one.message) for one in caught if "`dirpath`" in str(one.message)]
        return said, saved.last_model_path

    assert train() == ([], str(tmp_path / "checkpoints/last.ckpt"))
    for name in ("last-v1.ckpt", "last-v2.ckpt"):
        (said,), path = train()
        assert "has the last checkpoint of another run" in said
        assert f"so that of this run will be {name}: " in said
        assert path == str(tmp_path / "checkpoints" / name)
    said, path = train(steps=2, ckpt_path=str(tmp_path / "checkpoints/last.ckpt"))
    assert (said, path) == ([], str(tmp_path / "checkpoints/last.ckpt"))
