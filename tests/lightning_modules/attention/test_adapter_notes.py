"""Whoever saves an adapter writes or removes its own note, and lets those beside it alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import BertConfig, BertModel, modeling_utils
from transformers.utils import hub

from lightning_modules.attention.adapters import NOTE, guard_adapters
from lightning_modules.attention.interface import localize


def _bert() -> Any:
    config = BertConfig(
        vocab_size=30,
        hidden_size=24,
        num_attention_heads=3,
        intermediate_size=20,
        num_hidden_layers=2,
    )
    return BertModel(config)


class OneAdapter:
    """Saves one adapter in peft's way: into a folder of its name, or none for the default one."""

    def __init__(self, base: Any, folder: str) -> None:
        self._base, self._folder = base, folder

    def get_base_model(self) -> Any:
        return self._base

    def save_pretrained(self, save_directory: Any) -> None:
        folder = Path(save_directory) / self._folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapter_config.json").write_text("{}")

    def load_adapter(self, model_id: Any) -> None:
        """Is guarded, and not needed here."""


guard_adapters(OneAdapter)


@pytest.mark.parametrize("names", [("first", "second"), ("", "second"), ("first", "")])
@pytest.mark.parametrize("is_local_first", [True, False])
def test_an_adapter_leaves_the_notes_of_others_alone(
    names: tuple[str, str], is_local_first: bool, tmp_path: Path
) -> None:
    local, full = OneAdapter(localize(_bert(), 8), names[0]), OneAdapter(_bert(), names[1])
    for adapter in (local, full) if is_local_first else (full, local):
        adapter.save_pretrained(tmp_path)
    assert [note.parent for note in tmp_path.rglob(NOTE)] == [tmp_path / names[0]]


def test_an_adapter_that_is_saved_again_changes_its_own_note_at_once(tmp_path: Path) -> None:
    for window in (8, None, 4):
        base = _bert() if window is None else localize(_bert(), window)
        OneAdapter(base, "first").save_pretrained(tmp_path)
        notes = [note.read_text() for note in tmp_path.rglob(NOTE)]
        assert notes == ([] if window is None else [f'{{"attention_window": {window}}}\n'])


@pytest.mark.parametrize("is_local", [True, False])
def test_a_model_that_is_saved_above_adapters_leaves_their_notes_alone(
    is_local: bool, tmp_path: Path
) -> None:
    OneAdapter(_bert() if is_local else localize(_bert(), 8), "first").save_pretrained(tmp_path)
    model = localize(_bert(), 8) if is_local else _bert()
    model.save_pretrained(tmp_path)
    assert (tmp_path / "first" / NOTE).exists() is not is_local


class Hub:
    """Stands in for the hub, and notes what is uploaded."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def create_repo(self, repo_id: str, **_: Any) -> Any:
        return SimpleNamespace(repo_id=repo_id)

    def create_commit(self, operations: Any, **_: Any) -> None:
        texts = [each for each in operations if each.path_in_repo.endswith(".json")]
        self.files |= {each.path_in_repo: Path(each.path_or_fileobj).read_text() for each in texts}


def test_an_adapter_that_is_pushed_while_it_is_saved_takes_its_note_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_adapter(_: Any, folder: Any) -> None:
        (Path(folder) / "adapter_config.json").write_text("{}")

    uploaded = Hub()
    for library in (modeling_utils, hub):
        monkeypatch.setattr(library, "hf_api", lambda: uploaded)
    card = SimpleNamespace(save=lambda _: None)
    monkeypatch.setattr(modeling_utils, "create_and_tag_model_card", lambda *_, **__: card)
    monkeypatch.setattr(BertConfig, "save_pretrained", save_adapter)  # as with peft
    localize(_bert(), 8).save_pretrained(tmp_path / "mine", push_to_hub=True)
    assert uploaded.files == {"adapter_config.json": "{}", NOTE: '{"attention_window": 8}\n'}
