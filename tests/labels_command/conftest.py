"""Sounds and their labels, made once for all tests of this folder, to be read only."""

import pytest

from tests.samples.labels.command import MFCC, labels
from tests.samples.recordings.speech import write_sounds
from tests.samples.variants.hubert import hubert, lhubert


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    return folder, write_sounds(folder, 7)


@pytest.fixture(scope="session")
def made(sounds, tmp_path_factory):
    """Labels of all sounds, to be read only."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["train.py"])
        assert labels(MFCC, sounds[0], folder / "labels") == 0
    return folder / "labels"


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    hubert().save_pretrained(folder / "hubert")
    lhubert().save_pretrained(folder / "lhubert")
    return folder
