"""Adapters of a local model refuse a base that is not; a stand-in is used, for peft is optional."""

from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertModel

from lightning_modules.attention.adapters import NOTE, guard_adapters
from lightning_modules.attention.interface import localize
from lightning_modules.errors import ModelError
from tests.samples.hub import lay_into_cache


def _bert() -> Any:
    return BertModel(
        BertConfig(
            vocab_size=30,
            hidden_size=24,
            num_attention_heads=3,
            intermediate_size=20,
            num_hidden_layers=2,
        )
    )


class Adapted:
    """Saves and loads in peft's way: without the configuration of its base."""

    def __init__(self, base: Any) -> None:
        self._base = base
        self.loaded: list[Any] = []

    def get_base_model(self) -> Any:
        return self._base

    def save_pretrained(self, save_directory: Any, **_: Any) -> None:
        for folder in (Path(save_directory), Path(save_directory) / "second"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "adapter_config.json").write_text("{}")

    def load_adapter(self, model_id: Any, adapter_name: str = "default", **_: Any) -> None:
        self.loaded.append((model_id, adapter_name))


guard_adapters(Adapted)


@pytest.mark.parametrize("windows", [8, [2, 10]])
@pytest.mark.parametrize("named", [{}, {"subfolder": "second"}])
def test_an_adapter_of_a_local_base_refuses_a_fresh_one(
    windows: Any, named: dict[str, str], tmp_path: Path
) -> None:
    Adapted(localize(_bert(), windows)).save_pretrained(tmp_path)
    fresh = Adapted(_bert())
    with pytest.raises(ModelError, match="got full attention"):
        fresh.load_adapter(str(tmp_path), **named)
    assert fresh.loaded == []
    local = Adapted(localize(_bert(), windows))
    local.load_adapter(tmp_path, "mine", **named)
    assert local.loaded == [(tmp_path, "mine")]


def test_an_adapter_refuses_a_base_with_another_window(tmp_path: Path) -> None:
    Adapted(localize(_bert(), 8)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="`attention_window` 8, got 4"):
        Adapted(localize(_bert(), 4)).load_adapter(tmp_path)


def test_an_adapter_of_a_full_base_says_nothing_even_where_a_local_one_was(tmp_path: Path) -> None:
    Adapted(localize(_bert(), 8)).save_pretrained(tmp_path)
    Adapted(_bert()).save_pretrained(tmp_path)
    assert not list(tmp_path.rglob(NOTE))
    Adapted(_bert()).load_adapter(tmp_path)


def _cached_on_hub(cache: Path, adapter: Path) -> dict[str, Any]:
    """Lay an adapter into a cache of the hub, as if it had been fetched; return how to find it."""
    lay_into_cache(cache, "owner/adapter", adapter)
    return {"cache_dir": str(cache), "local_files_only": True}


@pytest.mark.parametrize("more", [{}, {"subfolder": "second"}])
def test_an_adapter_from_the_hub_refuses_a_base_without_its_window(
    more: dict[str, str], tmp_path: Path
) -> None:
    Adapted(localize(_bert(), 8)).save_pretrained(tmp_path / "adapter")
    place = _cached_on_hub(tmp_path / "cache", tmp_path / "adapter") | more
    with pytest.raises(ModelError, match="the adapter in owner/adapter belongs to a base with"):
        Adapted(_bert()).load_adapter("owner/adapter", **place)
    with pytest.raises(ModelError, match="the adapter in owner/adapter belongs to a base with"):
        _bert().load_adapter("owner/adapter", adapter_kwargs=place)
    local = Adapted(localize(_bert(), 8))
    local.load_adapter("owner/adapter", **place)
    assert local.loaded == [("owner/adapter", "default")]


def test_an_adapter_from_the_hub_without_a_note_is_loaded(tmp_path: Path) -> None:
    Adapted(_bert()).save_pretrained(tmp_path / "adapter")
    place = _cached_on_hub(tmp_path / "cache", tmp_path / "adapter")
    full = Adapted(_bert())
    full.load_adapter("owner/adapter", **place)
    full.load_adapter("owner/unknown", **place)  # whatever its loader says of that
    assert len(full.loaded) == 2


@pytest.mark.parametrize("note", ["", "{}", "[]", pytest.param("[" * 100_000, id="deep")])
def test_a_damaged_note_is_named_in_one_sentence(note: str, tmp_path: Path) -> None:
    Adapted(localize(_bert(), 8)).save_pretrained(tmp_path)
    (tmp_path / NOTE).write_text(note)
    with pytest.raises(ModelError, match=f"has a {NOTE} that is damaged"):
        Adapted(localize(_bert(), 8)).load_adapter(str(tmp_path))


def test_the_adapters_of_transformers_are_guarded_too(tmp_path: Path) -> None:
    Adapted(localize(_bert(), 8)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="got full attention"):
        _bert().load_adapter(str(tmp_path))
