"""Building the compiled kernel where something is in the way, and in several threads."""

import time
from functools import lru_cache
from pathlib import Path
from threading import Thread

import pytest
import torch

from lightning_modules.attention.compiled import building
from lightning_modules.errors import ModelError
from tests.lightning_modules.attention.compiled.test_building import builds


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Forget what this process has loaded, and give it another folder for what it builds."""
    forgetful = lru_cache(maxsize=1)(building._load_once.__wrapped__)
    monkeypatch.setattr(building, "_load_once", forgetful)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    return tmp_path / "extensions"


@builds
def test_after_a_build_that_failed_the_next_one_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "SOURCES", tmp_path)
    source, kept = tmp_path / "kernel.cpp", tmp_path / "kept.so"
    source.write_text("int main() { return nonsense; }\n")
    with pytest.raises(ModelError, match="cannot be compiled"):
        building._build(kept)
    source.write_text("int main() { return 0; }\n")
    building._build(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.so", "kernel.cpp"]


def test_a_folder_that_is_none_is_named_with_its_setting(fresh: Path) -> None:
    fresh.write_text("in the way")
    with pytest.raises(ModelError, match=f"^`TORCH_EXTENSIONS_DIR` must be .* got {fresh}/local_"):
        building.load_operators()


def test_a_kept_library_that_does_not_load_is_named_with_its_setting(fresh: Path) -> None:
    library = building.library_path()
    library.parent.mkdir(parents=True)
    library.write_text("no library")
    with pytest.raises(ModelError, match="^`TORCH_EXTENSIONS_DIR` must be .* got ") as caught:
        building.load_operators()
    assert str(library) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_can_be_mended_and_used_in_the_same_process(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.write_text("in the way")
    with pytest.raises(ModelError):
        building.load_operators()
    fresh.unlink()
    monkeypatch.setattr(building, "_build", lambda library: library.touch())
    monkeypatch.setattr(torch.ops, "load_library", lambda _: None)
    monkeypatch.setattr(torch.library, "register_fake", lambda *_: None)
    building.load_operators()
    assert building.library_path().exists()


@pytest.mark.usefixtures("fresh")
def test_threads_that_need_the_operators_at_once_make_them_known_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(building, "_build", lambda library: library.touch())
    monkeypatch.setattr(torch.ops, "load_library", lambda _: time.sleep(0.2))
    monkeypatch.setattr(torch.library, "register_fake", lambda name, _: told.append(name))
    threads = [Thread(target=building.load_operators) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == len(set(told)) == 2
