"""The one place where the files of a run directory are read, and checked."""

import json
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from datamodules.counted import counted
from datamodules.errors import DataError
from datamodules.lengths import LengthDistribution
from datamodules.nesting import parse_bounded_json, parse_json, refuse_half_pairs
from profiling.errors import SettingsError
from profiling.rows.columns import Row, complete
from profiling.rows.sizes import built_sizes, with_sizes
from profiling.rows.wrong_values import wrong_column

ROWS = "measurements.jsonl"
SENTINEL = "sentinel.jsonl"
MANIFEST = "manifest.json"
# Of a file that is damaged all over, the first lines tell enough.
MOST_NAMED = 5
# What a manifest holds, where it holds it; nothing else of it is looked at.
TYPES: dict[str, type] = {
    "config": dict,
    "states": dict,
    "machine": dict,
    "earlier": list,
    "shards": list,
    "left_alone": list,
    "length_distributions": list,
}


class RowFile:
    """Rows as they come to the end of a file, which others may be writing."""

    def __init__(self, path: Path, read: Callable[[dict[str, Any]], Row] | None = None) -> None:
        """Begin at the beginning of the file, which need not be there yet.

        Args:
            path: The file.
            read: Makes a row of the map in a line, or raises ValueError with what goes on a
                sentence about the line; by default a measurement.
        """
        self.path = path
        self._read = read or read_measurement
        self._offset = 0
        self._num_lines = 0

    def read_new(self) -> list[Row]:
        """Return the rows since the last call; a torn last line waits until it is whole.

        A damaged line is left out, and named on stderr.

        Raises:
            SettingsError: The file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise SettingsError(f"`{self.path}` must be readable, got: {problem}") from problem
        whole = content[: content.rfind(b"\n") + 1]
        rows, damaged = [], []
        for number, line in enumerate(whole.split(b"\n")[:-1], start=self._num_lines + 1):
            try:
                rows.append(self._read(_parse(line)))
            except ValueError as problem:
                damaged.append(f"`{self.path}` line {number} is left out: it {problem}")
        self._offset += len(whole)
        self._num_lines += whole.count(b"\n")
        _name(damaged, self.path)
        return rows


def newest_rows(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of every (key, visit), in the order of the last ones.

    Those of one checkpoint have one size, also where its model was not built.
    """
    newest: dict[tuple[str, int], Row] = {}
    for row in rows:
        newest.pop((row["key"], row["visit"]), None)  # the last place counts too, not the first
        newest[row["key"], row["visit"]] = row
    return with_sizes(newest.values(), built_sizes(newest.values()))


def check_run_directory(directory: Path) -> None:
    """Make sure that something was measured into a directory.

    Raises:
        SettingsError: It holds no file of measurements.
    """
    if not (directory / ROWS).is_file():
        raise SettingsError(
            f"`{directory}` must be a run directory with a readable {ROWS}, but it has none"
        )


def read_rows(directory: Path) -> list[Row]:
    """Return the last row of every (key, visit), oldest first; damaged lines are left out.

    Raises:
        SettingsError: There are no measurements.
    """
    check_run_directory(directory)
    rows = newest_rows(RowFile(directory / ROWS).read_new())
    if not rows:
        raise SettingsError(
            f"`{directory}` must be a run directory with measurements, but its {ROWS} holds none"
        )
    return rows


def read_sentinel(directory: Path) -> list[Row]:
    """Return the readings of the sentinel, oldest first; none where no sweep has taken any.

    They are measurement rows of one point, with `at` (a moment, as ISO text) and `shard` besides.
    Damaged lines are left out.

    Raises:
        SettingsError: The file cannot be read.
    """
    return RowFile(directory / SENTINEL).read_new()


def _parse(line: bytes) -> dict[str, Any]:
    """Return the map of one line.

    Raises:
        ValueError: It is none; the text goes on a sentence about the line.
    """
    shown = line[:60].decode(errors="replace")
    try:
        text = line.decode()
        row = parse_json(text, object_pairs_hook=_unique)
        refuse_half_pairs(text, row)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ValueError(f"must be a measurement, got {shown!r}")
    return row


def read_measurement(row: dict[str, Any]) -> Row:
    """Return a measurement row as it was read, complete.

    Raises:
        ValueError: It is none; the text goes on a sentence about it.
    """
    if wrong := wrong_column(row):
        raise ValueError(f"must be a measurement, but its {wrong}")
    return complete(row)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _name(damaged: list[str], path: Path) -> None:
    for sentence in damaged[:MOST_NAMED]:
        _say_once(sentence)
    if len(damaged) > MOST_NAMED:
        _say_once(
            f"`{path}`: {counted(len(damaged) - MOST_NAMED, 'more line is', 'more lines are')} "
            "left out"
        )


@cache
def _say_once(sentence: str) -> None:
    """Complain, though the same file is read several times by one command."""
    print(sentence, file=sys.stderr)


def read_manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest, an empty one when there is none.

    Raises:
        SettingsError: The file is damaged.
    """
    path = directory / MANIFEST
    try:
        manifest = parse_bounded_json(path.read_bytes().decode(), object_pairs_hook=_unique)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise SettingsError(f"`{path}` must be a JSON map, got: {problem}") from problem
    if not isinstance(manifest, dict):
        raise SettingsError(f"`{path}` must be a JSON map, got a {type(manifest).__name__}")
    if wrong := _wrong_entry(manifest):
        raise SettingsError(f"`{path}` must be the manifest of a sweep, but its {wrong}")
    return manifest


def _wrong_entry(manifest: dict[str, Any]) -> str | None:
    """Return in a few words what cannot be read in a manifest."""
    for name, wanted in TYPES.items():
        if not isinstance(manifest.get(name, wanted()), wanted):
            return _wrong(name, "map" if wanted is dict else "list", manifest[name])
    for modality, state in manifest.get("states", {}).items():
        if not isinstance(state, dict | list):
            return _wrong("states", f"map, for {modality} too", state)
    pairs = manifest.get("config", {}).get("pairs", [])
    if not isinstance(pairs, list) or not all(isinstance(pair, str) for pair in pairs):
        return _wrong("pairs", "list of texts", pairs)
    left_alone = manifest.get("left_alone", [])
    if not all(isinstance(name, str) for name in left_alone):
        return _wrong("left_alone", "list of texts", left_alone)
    machines = manifest.get("earlier", [])
    if not all(isinstance(machine, dict) for machine in machines):
        return _wrong("earlier", "list of maps", machines)
    return _wrong_distribution(manifest.get("length_distributions", []))


def _wrong(name: str, wanted: str, got: Any) -> str:
    return f"`{name}` must be a {wanted}, got {json.dumps(got)[:60]}"


def _wrong_distribution(distributions: list[Any]) -> str | None:
    for fields in distributions:
        if isinstance(fields, dict) and not fields.get("values"):
            continue  # a data set without samples has no distribution
        try:
            LengthDistribution.from_dict(fields)
        except DataError as problem:
            return f"`length_distributions` cannot be read: {problem}"
    return None
