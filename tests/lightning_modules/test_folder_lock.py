"""One process at a time writes into a folder."""

import subprocess
import sys

import pytest

from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock
from lightning_modules.training.folder_use import FolderUse
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


def test_two_trainings_exclude_each_other_by_the_folder_of_their_checkpoints(tmp_path):
    from lightning import LightningModule, Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint

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
