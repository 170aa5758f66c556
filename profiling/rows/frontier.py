"""Rows of the frontier: one per search, in a file of their own beside the measurements."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datamodules.nesting import LARGEST_INTEGER
from profiling.rows.columns import Row, columns_of
from profiling.rows.reading import RowFile
from profiling.rows.wrong_values import wrong_value

FRONTIER = "frontier.jsonl"
SEARCHED = ("batch_size", "sequence_length", "input_size")
LIMITED_BY = ("memory", "positions", "cap", "time")
OUTCOMES = ("ok", "oom", "positions", "time", "error")
# Beside identity, conditions and state, which are those of measurements.
SHARED = columns_of("identity", "condition", "state")
# Settings that may end a search before it knows its answer.
TIME_LIMITS = ("frontier_seconds", "point_timeout_s")
NUMBERS = (
    *("feasible", "infeasible", "peak_memory_mib", "loaded_memory_mib", "seconds"),
    *TIME_LIMITS,
)
WHOLE = ("feasible", "infeasible", "sequence_length", "input_size")


def frontier_rows(path: Path) -> list[Row]:
    """Return the last row of every search of a run directory, oldest first; none without a file.

    A row has the identity, conditions and state of measurements, and

    - `key` names the search; `status` is ok or error, with `error` saying what went wrong;
    - `searched`: `batch_size`, at the row's `sequence_length` or `input_size`, or one of these
      two, at batch size 1; then the row's own are null;
    - `feasible`: the largest value that fits, verified; null where none does;
    - `infeasible`: the smallest value that failed; null where none did;
    - `limited_by`: memory, positions, cap or time; null after an error;
    - `peak_memory_mib` and `loaded_memory_mib` of the verification, MiB;
    - `tries`: a list of maps with `value`, `peak_memory_mib` (null where it failed), `outcome` (ok,
      oom, positions, time, error), `seconds` and `verifies`, in the order they were made;
    - `seconds` that all of them took;
    - `frontier_seconds` and `point_timeout_s`, the limits that it had; older rows lack them.

    A torn last line is dropped, a damaged one named on stderr and left out.

    Args:
        path: The run directory.

    Raises:
        SettingsError: The file cannot be read.
    """
    return newest_searches(RowFile(path / FRONTIER, read_search).read_new())


def newest_searches(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of every search, in the order of the last ones."""
    newest: dict[str, Row] = {}
    for row in rows:
        newest.pop(row["key"], None)
        newest[row["key"]] = row
    return list(newest.values())


def read_search(row: dict[str, Any]) -> Row:
    """Return a row of the frontier as it was read, complete.

    Raises:
        ValueError: It is none; the text goes on a sentence about it.
    """
    if wrong := _wrong(row):
        raise ValueError(f"must be a search of the frontier, but its {wrong}")
    return {column.name: column.before for column in SHARED} | row


def _wrong(row: dict[str, Any]) -> str | None:
    """Return in a few words what keeps a map from being such a row."""
    for name, choices in (
        ("searched", SEARCHED),
        ("status", ("ok", "error")),
        ("limited_by", (*LIMITED_BY, None)),
    ):
        if row.get(name) not in choices:
            return f"`{name}` must be one of {', '.join(map(str, choices))}"
    for name in ("key", "modality", "variant", "implementation", "phase"):
        if not isinstance(row.get(name), str):
            return f"`{name}` must be a text"
    tries = row.get("tries")
    if not isinstance(tries, list) or not all(map(_is_try, tries)):
        return "`tries` must be a list of maps with value, peak_memory_mib and outcome"
    return _wrong_number(row) or next(
        filter(None, (wrong_value(row, column) for column in SHARED)), None
    )


def _wrong_number(row: dict[str, Any]) -> str | None:
    given = {name: row[name] for name in NUMBERS if row.get(name) is not None}
    for name, value in given.items():
        if not _is_number(value):
            return f"`{name}` must be a number"
    for name in WHOLE:
        value = row.get(name)
        if isinstance(value, int | float) and (value < 1 or isinstance(value, float)):
            return f"`{name}` must be a whole number above zero"
    return None


def _is_try(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and _is_number(one.get("value"))
        and (one.get("peak_memory_mib") is None or _is_number(one["peak_memory_mib"]))
        and one.get("outcome") in OUTCOMES
    )


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= LARGEST_INTEGER  # which NaN is not
    )
