"""A source that was given no labels never takes those of other recordings for its own."""

import io
import shutil
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile

from datamodules.errors import DataError
from datamodules.utterances.pretraining import PretrainingSpeech
from tests.samples.recordings.speech import write_labels, write_sounds


@pytest.fixture
def folder(tmp_path):
    """Write three sources whose recordings have equal names and lengths, and labels of one."""
    samples = write_sounds(tmp_path / "sounds", 6)
    for name in ("val", "test"):
        write_sounds(tmp_path / name, 6)
    write_labels(tmp_path / "labels", samples)
    return tmp_path


def speech(folder, source="sounds", **settings):
    given: dict[str, Any] = {"min_seconds": 0.3, "batch_seconds": 2.0, "num_workers": 0}
    given |= {"layout": settings.pop("layout", "auto")}
    given |= {name: str(folder / value) for name, value in settings.items()}
    return PretrainingSpeech(str(folder / source), str(folder / "labels"), **given)


@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_forgotten_labels_of_validation_are_asked_for(folder, stage):
    with pytest.raises(DataError, match="`val_labels` must be given, .* another rec") as caught:
        speech(folder, val_source="val").setup(stage)
    assert "\n" not in str(caught.value)
    speech(folder, val_source="val", val_labels="labels").setup(stage)  # somebody says so


def test_forgotten_labels_of_testing_are_asked_for_whoever_they_were_given_for(folder):
    with pytest.raises(DataError, match="`test_labels` must be given, .* of `source` under"):
        speech(folder, test_source="test").setup("test")
    shutil.copytree(folder / "labels", folder / "own")
    with pytest.raises(DataError, match="`test_labels` must be given, .* of `val_source` under"):
        speech(folder, val_source="val", val_labels="own", test_source="test").setup("test")


def test_labels_of_a_file_that_both_sources_have_are_its_own(folder):
    (folder / "link").symlink_to(folder / "sounds")
    speech(folder, val_source="link").setup("validate")


def test_labels_of_all_recordings_are_those_of_both_sources(folder):
    for path in sorted((folder / "val").iterdir())[:3]:
        path.unlink()
    for path in sorted((folder / "sounds").iterdir())[3:]:
        path.unlink()
    speech(folder, val_source="val").setup("fit")


def test_where_the_other_source_is_gone_its_labels_are_nobodys(folder):
    shutil.rmtree(folder / "sounds")
    with pytest.raises(DataError, match="`val_labels` must be given, .* does not exist"):
        speech(folder, val_source="val").setup("validate")


def test_rows_that_have_numbers_for_names_have_labels_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for source in ("sounds", "val"):
        file = io.BytesIO()
        soundfile.write(file, np.sin(np.arange(9_000) / 9), 16_000, format="WAV")
        audio = [{"bytes": file.getvalue(), "path": None}] * 2
        rows = datasets.Dataset.from_dict({"audio": audio})
        rows.cast_column("audio", datasets.Audio()).save_to_disk(tmp_path / source)
    write_labels(tmp_path / "labels", {"00000000": 9_000, "00000001": 9_000})
    with pytest.raises(DataError, match="`val_labels` must be given, .*00000000 of `source` under"):
        speech(tmp_path, val_source="val", layout="datasets").setup("fit")
