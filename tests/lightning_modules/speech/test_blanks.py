"""The blank is the first symbol, whatever it is called."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.speech.ctc import CtcModule
from tests.samples.recordings.speech import TINY

SETTINGS: dict[str, Any] = {"variant": "lhubert", "attention_window": 8, "model_fields": TINY}
BLANKS = ["", "-", "<pad>", "[PAD]", "<s>"]


@pytest.mark.parametrize("blank", BLANKS)
def test_a_model_is_exported_and_read_again_whatever_its_blank_is_called(
    blank: str, tmp_path: Path
) -> None:
    alphabet = [blank, "|", "X"]
    folder = str(tmp_path / "exported")
    export(CtcModule(alphabet=alphabet, **SETTINGS), None, folder)
    written = json.loads(Path(folder, "vocab.json").read_text())
    assert written == {"<pad>": 0, "|": 1, "X": 2}
    for given in (alphabet, None):
        again = CtcModule(variant="lhubert", checkpoint=folder, alphabet=given)
        assert not again.head_is_random
        assert again.alphabet == ["", "|", "X"]


@pytest.mark.parametrize("blank", BLANKS)
def test_a_run_goes_on_whatever_its_blank_is_called(blank: str) -> None:
    module = CtcModule(alphabet=["_", "|", "X"], **SETTINGS)
    module.on_load_checkpoint({"alphabet": [blank, "|", "X"]})
    with pytest.raises(ModelError, match=r"`alphabet` must be \|Y as .* got \|X"):
        module.on_load_checkpoint({"alphabet": [blank, "|", "Y"]})


def test_the_blank_of_a_file_that_names_none_is_the_first(tmp_path: Path) -> None:
    folder = str(tmp_path / "exported")
    export(CtcModule(alphabet=["", "|", "X"], **SETTINGS), None, folder)
    Path(folder, "vocab.json").write_text(json.dumps({"|": 1, "X": 2, "_": 0}))
    module = CtcModule(variant="lhubert", checkpoint=folder, alphabet=["_", "|", "X"])
    assert not module.head_is_random
    assert CtcModule(variant="lhubert", checkpoint=folder).alphabet == ["", "|", "X"]


@pytest.mark.parametrize("second", ["", "<pad>", "[PAD]"])
def test_a_second_blank_is_refused(second: str) -> None:
    with pytest.raises(ModelError, match="`alphabet` must be the blank followed by symbols that"):
        CtcModule(alphabet=["<s>", second, "|", "X"], **SETTINGS)
