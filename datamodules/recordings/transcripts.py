"""The transcripts of a source, by the names of its recordings."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from datamodules.errors import DataError, reason_of, shown
from datamodules.files.finding import find_files, resolve_source
from datamodules.files.names import read_names
from datamodules.recordings.layouts import resolve_layout

TRANSCRIPTS = "transcripts.tsv"
LIBRISPEECH_LINE = re.compile(r"(\d+-\d+-\d+)(?: +(.*))?")


def read_transcripts(source: str, layout: str) -> dict[str, str]:
    """Read the transcripts of a source, every file once.

    In a LibriSpeech tree they are the `*.trans.txt`, of a `datasets` source its column of text, of
    a folder or a manifest the file `transcripts.tsv` in it or beside it, with lines
    `name<TAB>text`.

    Returns:
        Text by `Recording.name`.

    Raises:
        DataError: There are none, or a line of them is damaged.
    """
    if layout == "datasets":
        from datamodules.recordings.datasets_source import read_texts

        return read_texts(source)
    path, layout = resolve_layout(source, layout)
    if layout == "librispeech":
        return _read_tree(path)
    table = _folder_of(path) / TRANSCRIPTS
    if not table.is_file():
        raise DataError(
            f"`source` {source} must have its transcripts in {table}, which does not exist"
        )
    return _read_table(table)


def share_table(source: str, other: str, layout: str) -> bool:
    """Return whether two sources have one table of transcripts, which goes by names alone.

    A source that does not exist has none. A table that is a link to another one is one of its own:
    then somebody wants both to have the same texts.
    """
    if layout in ("datasets", "librispeech"):
        return False
    paths = [resolve_source(each) for each in (source, other)]
    if not all(path.exists() for path in paths):
        return False
    first, second = (os.path.realpath(_folder_of(path)) for path in paths)
    return first == second


def _folder_of(path: Path) -> Path:
    """Return the folder that has the transcripts of a folder or a manifest."""
    return path if path.is_dir() else path.parent


def _read_tree(folder: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    files = [path for path in find_files(folder, (".txt",)) if path.name.endswith(".trans.txt")]
    for path in files:
        place = path.parent.relative_to(folder)
        for number, line in _lines(path):
            parts = LIBRISPEECH_LINE.fullmatch(line.rstrip())
            if parts is None:
                raise _damaged(path, number, line, "speaker-chapter-utterance TEXT")
            name = (place / f"{parts[1]}.flac").as_posix()
            _add(texts, name, parts[2] or "", path, number)
    return texts


def _read_table(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in _lines(path):
        name, tab, text = line.partition("\t")
        if not name or not tab:
            raise _damaged(path, number, line, "name<TAB>text")
        _add(texts, name, text, path, number)
    return texts


def _add(texts: dict[str, str], name: str, text: str, path: Path, number: int) -> None:
    if name in texts:
        raise DataError(
            f"line {number} of {path} must name a recording of its own, got {shown(name)}"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a name may have bytes of any kind, a text may not
        raise DataError(f"transcripts {path} cannot be read: it is no text in UTF-8") from error
    texts[name] = text


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Return number and text of every line that is not blank; it ends with LF or CR LF."""
    try:
        content = read_names(path)
    except (OSError, ValueError) as error:
        raise DataError(f"transcripts {path} cannot be read: {reason_of(error)}") from error
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def _damaged(path: Path, number: int, line: str, expected: str) -> DataError:
    return DataError(f"line {number} of {path} must be `{expected}`, got {line[:80]!r}")
