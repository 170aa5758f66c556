"""A cache of the hub, in which folders lie as if they had been fetched."""

import shutil
from pathlib import Path

import pytest

COMMIT = "0" * 40


def lay_into_cache(cache: Path, name: str, folder: Path) -> None:
    """Lay a folder into a cache of the hub, under the name of a model, such as owner/model."""
    kept = cache / f"models--{name.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(COMMIT)
    shutil.copytree(folder, kept / "snapshots" / COMMIT)


def be_offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the libraries find on the hub what lies in a cache, and nothing else."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
