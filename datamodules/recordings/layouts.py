"""Layouts of a source of recordings: a folder, a LibriSpeech tree, a manifest."""

import re
from pathlib import Path
from typing import Literal, get_args

from datamodules.errors import DataError, shown
from datamodules.files.finding import Found, resolve_source, survey

Layout = Literal["auto", "datasets", "folder", "librispeech", "manifest"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
# What libsndfile reads; other endings are counted and named.
SUFFIXES = (
    *(".flac", ".mp3", ".ogg", ".wav"),
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".oga", ".opus"),
)
# speaker-chapter-utterance, wherever in the tree of subset/speaker/chapter `source` begins
LIBRISPEECH_NAME = re.compile(r"\d+-\d+-\d+\.flac")


def resolve_layout(source: str, layout: str) -> tuple[Path, str]:
    """Return where a source of files is, and its layout, which is never `auto`.

    Raises:
        DataError: It does not exist, is of another kind, or one may not look at it.
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
    """Return the audio files under a folder, sorted, and none unless it is all of them.

    Raises:
        DataError: There are none.
        BadSampleError: A folder in it cannot be read.
    """
    found = survey_audio(path, layout)
    if found.problems:
        raise found.problems[0]
    return found.files


def survey_audio(path: Path, layout: str) -> Found:
    """Look at all files under a folder for those that are its recordings.

    Raises:
        DataError: There are none.
    """
    if layout != "librispeech":
        return survey(path, SUFFIXES)
    found = survey(path, (".flac",))
    named = [file for file in found.files if LIBRISPEECH_NAME.fullmatch(file.name)]
    if others := len(found.files) - len(named):
        found.left_out["other name", ".flac"] += others
    found.files = named
    if not named:
        raise DataError(
            f"`source` {shown(path)} holds no files named speaker-chapter-utterance.flac, as "
            "`layout` librispeech wants"
        )
    return found
