"""Writing label files: every process appends to a part of its own, then the parts are joined.

A part is a file in the label folder: a line of facts, then `name<TAB>labels` for each recording
that was finished; none for a recording that is damaged. A run that is killed leaves at most a line
that was cut short. It is dropped, and the next run goes on with the recordings that are missing.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.counted import counted
from datamodules.errors import DataError
from datamodules.files.writing import whole_file, write_text
from datamodules.labels.format import (
    FACTS_FILE,
    LABELS_FILE,
    NAMES_FILE,
    LabelFacts,
    decode_name,
    encode_name,
    parse_facts,
)
from datamodules.labels.origin import Origin, Stamps

PARTS = ".part-*.labels"


class LabelWriter:
    """Appends the labels of finished recordings to this process's part.

    Args:
        folder: For the labels; it is made if need be.
        facts: Facts of the labels.
        rank: Which process this is.

    Attributes:
        done: Names of the recordings that have labels in any part; a damaged one is tried again.

    Raises:
        DataError: The folder has parts with other facts.
    """

    def __init__(self, folder: str | Path, facts: LabelFacts, rank: int = 0) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / PARTS.replace("*", f"{rank:05}")
        if path.exists():
            _drop_torn_line(path)
        index = _find_labels(self.folder, facts)
        self.done = {name for name, (_, _, length) in index.items() if length}
        self._file = path.open("ab")
        if not path.stat().st_size:
            self._file.write(_facts_line(facts))
            self._file.flush()

    def add(self, name: str, labels: NDArray[np.int64] | Sequence[int]) -> None:
        """Append the labels of one recording, (labels,) int64; none mark it as damaged.

        Raises:
            DataError: The name has a line break, so it cannot stand in a text file.
        """
        check_name(name)
        ids = " ".join(map(str, np.asarray(labels).tolist()))
        self._file.write(encode_name(name) + b"\t" + ids.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the part."""
        self._file.close()


def check_name(name: str) -> None:
    """Refuse a name that cannot stand in a line.

    Raises:
        DataError: It has a line break.
    """
    if "\n" in name:
        raise DataError(f"a recording that is to be labelled must have no line break, {name!r}")


def join(
    folder: str | Path, facts: LabelFacts, names: Sequence[str], stamps: Stamps | None = None
) -> None:
    """Make the three label files out of the parts of all processes, and remove the parts.

    Damaged recordings are left out, and noted. Only the places of all labels and the labels of one
    recording are in memory at a time.

    Args:
        folder: The folder that has the parts.
        facts: Facts of the labels.
        names: All recordings, in the order of the source.
        stamps: By which to tell later that one of them was changed; None where nobody needs it.

    Raises:
        DataError: A recording is in no part, all are damaged, or parts have other facts.
    """
    folder = Path(folder)
    index = _find_labels(folder, facts)
    if lacking := [name for name in names if name not in index]:
        raise DataError(
            f"`folder` {folder} has no labels yet of {len(lacking)} of "
            f"{counted(len(names), 'recording')}, "
            f"such as {lacking[0]}: the same command again goes on with them"
        )
    kept = [name for name in names if index[name][2]]
    if not kept:
        raise DataError(f"`source` must hold recordings that can be read, got {len(names)} damaged")
    with whole_file(folder / NAMES_FILE) as listed, whole_file(folder / LABELS_FILE) as labels:
        _write_lines(kept, index, listed, labels)
    # The facts come last: with them the folder is complete.
    damaged = [name for name in names if not index[name][2]]
    stated = asdict(facts) | asdict(Origin.of(kept, damaged, stamps or {}))
    write_text(folder / FACTS_FILE, json.dumps(stated, indent=2) + "\n")
    remove_parts(folder)


def remove_parts(folder: str | Path) -> None:
    """Remove the parts that runs left when they were killed."""
    for path in list_parts(Path(folder)):
        path.unlink()


def list_parts(folder: Path) -> list[Path]:
    """Return the files of labels that were not joined yet, one of every process."""
    return sorted(folder.glob(PARTS))


def _write_lines(
    names: Sequence[str], index: dict[str, tuple[Path, int, int]], listed: Path, labels: Path
) -> None:
    """Write names with their counts into one file, and labels out of the parts into another."""
    with ExitStack() as files:
        parts = {path: files.enter_context(path.open("rb")) for path in list_parts(listed.parent)}
        names_file = files.enter_context(listed.open("wb"))
        labels_file = files.enter_context(labels.open("wb"))
        for name in names:
            path, start, length = index[name]
            line = _read(parts[path], start, length)
            labels_file.write(line + b"\n")
            names_file.write(encode_name(name) + f"\t{len(line.split())}\n".encode())


def _facts_line(facts: LabelFacts) -> bytes:
    return json.dumps(asdict(facts)).encode() + b"\n"


def _read(part: BinaryIO, start: int, length: int) -> bytes:
    part.seek(start)
    return part.read(length)


def _drop_torn_line(path: Path) -> None:
    """Cut a part after its last whole line."""
    with path.open("r+b") as file:
        end = 0
        for line in file:
            if line.endswith(b"\n"):
                end += len(line)
        file.truncate(end)


def _find_labels(folder: Path, facts: LabelFacts) -> dict[str, tuple[Path, int, int]]:
    """Return the part, the place and the length in bytes of the labels of every recording.

    A recording may be in several parts: damaged, and later with labels.

    Raises:
        DataError: A part has other facts.
    """
    index: dict[str, tuple[Path, int, int]] = {}
    for path in list_parts(folder):
        with path.open("rb") as file:
            whole = (line for line in file if line.endswith(b"\n"))
            stated = next(whole, None)
            if stated is None:  # killed before its first line was whole
                continue
            if not _agree(stated, facts):
                raise DataError(
                    f"`folder` {folder} holds unfinished labels of other facts, {_describe(stated)}"
                    f", got {_describe(_facts_line(facts))}: give another `folder`, or remove "
                    f"{PARTS} in it to begin anew"
                )
            _index_part(path, whole, len(stated), index)
    return index


def _index_part(
    path: Path, lines: Iterable[bytes], place: int, index: dict[str, tuple[Path, int, int]]
) -> None:
    for line in lines:
        encoded, _, labels = line[:-1].rpartition(b"\t")
        name = decode_name(encoded)
        if labels or name not in index:
            index[name] = (path, place + len(encoded) + 1, len(labels))
        place += len(line)


def _agree(stated: bytes, facts: LabelFacts) -> bool:
    try:
        return parse_facts(stated).agree(facts)
    except (ValueError, KeyError, TypeError):  # a damaged line
        return False


def _describe(facts: bytes) -> str:
    return facts.decode("utf-8", "replace").strip()
