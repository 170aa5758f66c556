"""Fetching subsets of LibriSpeech."""

import os
import shutil
from pathlib import Path

from datamodules.errors import DataError, validate_choice
from datamodules.files.finding import find_place
from datamodules.files.locks import locked
from datamodules.libraries import needed

SUBSETS = (
    "dev-clean",
    "dev-other",
    "test-clean",
    "test-other",
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
)


def download(subset: str, folder: str) -> Path:
    """Fetch a subset, check it and unpack it, unless it is there.

    It appears when it is whole; an archive that was fetched before a run was stopped is used. While
    another process fetches the same one, this one waits.

    Args:
        subset: One of SUBSETS.
        folder: Where the folder LibriSpeech is or comes.

    Returns:
        The folder of the subset.

    Raises:
        DataError: There is no such subset, or it cannot be fetched.
    """
    validate_choice("download", subset, SUBSETS)
    target = find_place(folder, "folder") / "LibriSpeech" / subset
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / f".{subset}.lock"):
        if not target.is_dir():  # whoever had the lock before may have fetched it
            _install(subset, target)
    return target


def _install(subset: str, target: Path) -> None:
    """Fetch and unpack a subset beside its place, which it takes when it is whole."""
    partial = target.parent / f".{subset}.partial"
    shutil.rmtree(partial / "LibriSpeech", ignore_errors=True)  # it may be half unpacked
    partial.mkdir(exist_ok=True)
    _fetch(subset, partial)
    os.replace(partial / "LibriSpeech" / subset, target)
    shutil.rmtree(partial)


def _fetch(subset: str, folder: Path) -> None:
    with needed("torchaudio", "`download`"):
        from torchaudio.datasets import LIBRISPEECH

    try:
        LIBRISPEECH(folder, url=subset, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DataError(f"`download` {subset} cannot be fetched: {reason}") from error
