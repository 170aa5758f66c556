"""Fetching subsets of LibriSpeech."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import DataError, shown, validate_choice
from datamodules.files.finding import find_place
from datamodules.files.locks import locked
from datamodules.libraries import needed

FOLDER = "LibriSpeech"  # as the archives call it
SUBSETS = (
    "dev-clean",
    "dev-other",
    "test-clean",
    "test-other",
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
)


def fetch_missing(subset: str, sources: Sequence[Path]) -> None:
    """Fetch a subset to where it is looked for, unless it is there.

    Args:
        subset: One of SUBSETS.
        sources: Where recordings are looked for.

    Raises:
        DataError: None of them is the folder of the subset; or as `download`.
    """
    named = [place for place in map(_find, sources) if place.name == subset]
    missing = [place for place in named if not place.exists()]
    if not named or any(place.parent.name != FOLDER for place in missing):
        listed = ", ".join(shown(place) for place in sources)
        raise DataError(
            f"`download` of {subset} needs a folder {FOLDER}/{subset} as `source`, `val_source` or "
            f"`test_source`, got {listed}"
        )
    for place in missing:
        download(subset, str(place.parent.parent))


def _find(source: Path) -> Path:
    """Return where a source is: links may be called LibriSpeech, or lead to a folder that is."""
    place = Path(os.path.abspath(source))
    if place.parent.name == FOLDER:
        return place
    return Path(os.path.realpath(place.parent), place.name)


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
        DataError: There is no such subset, it cannot be fetched, or files cannot be locked there.
    """
    validate_choice("download", subset, SUBSETS)
    target = find_place(folder, "folder") / FOLDER / subset
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / f".{subset}.lock", "download"):
        if not target.is_dir():  # whoever had the lock before may have fetched it
            _install(subset, target)
    return target


def _install(subset: str, target: Path) -> None:
    """Fetch and unpack a subset beside its place, which it takes when it is whole."""
    partial = target.parent / f".{subset}.partial"
    shutil.rmtree(partial / FOLDER, ignore_errors=True)  # it may be half unpacked
    partial.mkdir(exist_ok=True)
    _fetch(subset, partial)
    os.replace(partial / FOLDER / subset, target)
    shutil.rmtree(partial)


def _fetch(subset: str, folder: Path) -> None:
    with needed("torchaudio", "`download`"):
        from torchaudio.datasets import LIBRISPEECH

    try:
        LIBRISPEECH(folder, url=subset, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DataError(f"`download` {subset} cannot be fetched: {reason}") from error
