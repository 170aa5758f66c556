"""A model that is fetched from the hub spells as one in a folder does: with its own letters."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.checkpoints.exporting import export
from lightning_modules.checkpoints.vocabulary import read_vocabulary
from lightning_modules.errors import ModelError
from lightning_modules.speech.ctc import CtcModule
from tests.samples.hub import be_offline, lay_into_cache
from tests.samples.recordings.speech import TINY

LETTERS = ["", "|", "X", "Y"]


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    be_offline(tmp_path / "cache", monkeypatch)
    fields: dict[str, Any] = {"attention_window": 8, "model_fields": TINY, "alphabet": LETTERS}
    export(CtcModule(variant="lhubert", **fields), None, str(tmp_path / "exported"))
    return tmp_path / "exported"


def test_a_model_of_the_hub_brings_its_letters(exported: Path, tmp_path: Path) -> None:
    lay_into_cache(tmp_path / "cache", "owner/model", exported)
    module = CtcModule(variant="lhubert", checkpoint="owner/model")
    assert module.alphabet == LETTERS
    assert not module.head_is_random
    with pytest.raises(ModelError, match=r"`alphabet` must be \|XY as `checkpoint` was trained on"):
        CtcModule(variant="lhubert", checkpoint="owner/model", alphabet=["", "|", "Y", "X"])


def test_a_model_of_the_hub_whose_blank_is_not_the_first_output_is_refused(
    exported: Path, tmp_path: Path
) -> None:
    (exported / "vocab.json").write_text(json.dumps({"X": 0, "Y": 1, "|": 2, "<pad>": 3}))
    lay_into_cache(tmp_path / "cache", "owner/model", exported)
    with pytest.raises(ModelError, match="must have the blank as its output 0, got it as output 3"):
        CtcModule(variant="lhubert", checkpoint="owner/model")


def test_a_model_of_the_hub_without_letters_has_none(exported: Path, tmp_path: Path) -> None:
    (exported / "vocab.json").unlink()
    lay_into_cache(tmp_path / "cache", "owner/model", exported)
    assert read_vocabulary("owner/model") is None


@pytest.mark.parametrize("name", ["owner/unknown", "no/such/folder"])
def test_letters_of_a_checkpoint_that_is_not_there_are_not_made_up(
    name: str, exported: Path
) -> None:
    with pytest.raises(ModelError, match="`checkpoint` must be a folder or hub name"):
        CtcModule(variant="lhubert", checkpoint=name)
