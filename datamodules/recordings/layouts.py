"""Layouts of a source of recordings: a folder, a LibriSpeech tree, a manifest."""

import re
from pathlib import Path
from typing import Literal, get_args

from datamodules.errors import DataError
from datamodules.files.finding import find_files, resolve_source

Layout = Literal["auto", "datasets", "folder", "librispeech", "manifest"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")
# speaker-chapter-utterance, wherever in the tree of subset/speaker/chapter `source` begins
LIBRISPEECH_NAME = re.compile(r"\d+-\d+-\d+\.flac")


def resolve_layout(source: str, layout: str) -> tuple[Path, str]:
    """Return where a source of files is, and its layout, which is never `auto`.

    Raises:
        DataError: It does not exist, or is of another kind.
    """
    path = resolve_source(source)
    if not path.exists():
        raise DataError(f"`source` must be a folder of audio or a manifest, {path} does not exist")
    if layout == "auto":
        layout = "folder" if path.is_dir() else "manifest"
    if path.is_dir() == (layout == "manifest"):
        expected = "file" if layout == "manifest" else "folder"
        raise DataError(f"`source` of layout {layout} must be a {expected}, got {path}")
    return path, layout


def list_files(path: Path, layout: str) -> list[Path]:
    """Return the audio files under a folder, sorted."""
    if layout != "librispeech":
        return find_files(path, SUFFIXES)
    files = [file for file in find_files(path, (".flac",)) if LIBRISPEECH_NAME.fullmatch(file.name)]
    if not files:
        raise DataError(
            f"`source` {path} holds no files named speaker-chapter-utterance.flac, as `layout` "
            "librispeech wants"
        )
    return files
