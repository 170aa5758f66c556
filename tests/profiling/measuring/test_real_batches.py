"""Batches of real data on disk, where several machines may write them and a disk may be full."""

from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.modalities.speech import SpeechData
from profiling.errors import SettingsError
from profiling.measuring.real_batches import prepare_data
from profiling.planning.requests import DataTask
from tests.samples.recordings.speech import write_sounds

LENGTHS = [20, 24]


def task_for(folder: Path) -> DataTask:
    write_sounds(folder / "sounds", 3)
    block = {"class_path": "SpeechData", "init_args": {"source": str(folder / "sounds")}}
    return DataTask("speech", block, LENGTHS, 2, str(folder / "run" / "batches"), seed=0)


def test_two_machines_that_store_the_same_batches_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, save, others = task_for(tmp_path), torch.save, [1]

    def save_while_another_machine_does(*given: Any) -> None:
        save(*given)
        if others:
            others.pop()
            prepare_data(task)

    monkeypatch.setattr(torch, "save", save_while_another_machine_does)
    prepare_data(task)
    stored = sorted((tmp_path / "run" / "batches").iterdir())
    assert [path.name for path in stored] == ["speech-20.pt", "speech-24.pt"]
    data = SpeechData(str(tmp_path / "sounds"))
    for path, length in zip(stored, LENGTHS, strict=True):
        batch = torch.load(path, weights_only=True, mmap=True)
        expected = data.batch_at(length, 2, seed=0)
        assert batch.keys() == expected.keys()
        assert all(torch.equal(batch[name], expected[name]) for name in expected)


def test_a_folder_that_takes_no_batch_is_a_sentence(tmp_path: Path) -> None:
    task = task_for(tmp_path)
    taken = tmp_path / "run" / "batches" / "speech-24.pt"
    taken.mkdir(parents=True)  # of this name no file can be
    with pytest.raises(SettingsError, match="`out` must be a folder to write to, got .*batches"):
        prepare_data(task)
    assert {path.name for path in taken.parent.iterdir()} == {"speech-20.pt", "speech-24.pt"}
