"""The examples in Python of README and docs, each executed."""

import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModel, BertConfig, BertModel

from datamodules.recordings import librispeech
from lightning_modules.attention.interface import find_windows
from tests.samples.documents import EXECUTED, blocks
from tests.samples.places import ROOT
from tests.samples.variants.hubert import hubert


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def execute_example(word: str, **replaced: str) -> dict[str, Any]:
    """Execute the example that has this word in it, with other names of checkpoints."""
    (example,) = [text for path in EXECUTED for text in blocks(path, "python") if word in text]
    for name, folder in replaced.items():
        example, count = re.subn(rf'"[\w/-]*/{name}[\w-]*"', repr(folder), example)
        assert count == 1
    names: dict[str, Any] = {}
    exec(example, names)
    return names


def test_the_callback_of_the_example_can_be_made_as_shown() -> None:
    names = execute_example("ProfilingCallback")
    assert type(names["trainer"]).__name__ == "Trainer"


def test_lhubert_is_converted_used_and_saved_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubert().save_pretrained(tmp_path / "source")
    monkeypatch.chdir(tmp_path)
    names = execute_example("encode_recording", hubert=str(tmp_path / "source"))
    assert names["features"].shape == (60 * 50 - 1, 24)
    assert type(AutoModel.from_pretrained("lhubert")).__name__ == "LHubertModel"
    assert type(AutoModel.from_pretrained("hubert")).__name__ == "HubertModel"


def test_an_encoder_is_localized_as_shown(tmp_path: Path) -> None:
    BertModel(BertConfig(hidden_size=24, num_attention_heads=2)).save_pretrained(tmp_path)
    names = execute_example("localize", bert=str(tmp_path))
    assert set(find_windows(names["model"])) == {128}


def test_librispeech_is_fetched_with_the_training_recordings_in_a_folder_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched: dict[str, set[str]] = {}

    def download(subset: str, folder: str) -> None:
        fetched.setdefault(folder, set()).add(subset)

    monkeypatch.setattr(librispeech, "download", download)
    execute_example("download")
    training = {subset for subset in librispeech.SUBSETS if subset.startswith("train")}
    assert fetched == {"pretraining": training, ".": set(librispeech.SUBSETS) - training}
