"""What it takes to import the package; a stand-in of peft is used, which is optional."""

from pathlib import Path

import pytest
from transformers import BertConfig, BertModel

from lightning_modules.attention.interface import find_windows, localize
from tests.samples.forks import said_in_forks
from tests.samples.variants.hubert import lhubert

PEFT = """
class PeftModel:
    def save_pretrained(self, save_directory):
        pass

    def load_adapter(self, model_id):
        pass
"""
IN_TURN = """
import sys
sys.path.append({peft!r})
{first}
assert "lightning_modules.attention.adapters" not in sys.modules
{second}
from peft.peft_model import PeftModel
print(PeftModel.load_adapter.__wrapped__.__name__)
"""
LOADING = """
import lightning_modules
from transformers import AutoModel
print(AutoModel.from_pretrained({bert!r}).config._attn_implementation)
import lightning_modules.lhubert
print(type(AutoModel.from_pretrained({lhubert!r})).__name__)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two saved models and a peft."""
    folder = tmp_path_factory.mktemp("imports")
    config = BertConfig(vocab_size=30, hidden_size=24, num_attention_heads=3, num_hidden_layers=2)
    localize(BertModel(config), 8).save_pretrained(folder / "bert")
    lhubert(8).save_pretrained(folder / "lhubert")
    (folder / "peft").mkdir()
    (folder / "peft/__init__.py").touch()
    (folder / "peft/peft_model.py").write_text(PEFT)
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> list[list[str]]:
    """Return the words of three: two import peft, after the package and before it, one loads."""
    imports = ("import lightning_modules", "import peft.peft_model")
    scripts = [
        IN_TURN.format(peft=str(folder), first=first, second=second)
        for first, second in (imports, imports[::-1])
    ]
    places = {name: str(folder / name) for name in ("bert", "lhubert")}
    return [words.split() for words in said_in_forks(*scripts, LOADING.format(**places))]


def test_peft_is_guarded_whichever_is_imported_first(said: list[list[str]]) -> None:
    assert said[:2] == [["load_adapter"], ["load_adapter"]]


def test_to_import_the_package_is_enough_for_local_models(
    said: list[list[str]], folder: Path
) -> None:
    assert said[2][0] == "local_blocked"
    assert find_windows(BertModel.from_pretrained(folder / "bert")) == [8, 8]


def test_an_interpreter_that_imports_lhubert_loads_a_folder_of_one(said: list[list[str]]) -> None:
    assert said[2][1] == "LHubertModel"
