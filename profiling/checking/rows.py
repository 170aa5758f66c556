"""Rows of a check: what was tried, how it ended, and what it found."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from profiling.checking.archive import ROWS

# failed: it ran and is wrong, or broke; skipped: it cannot be here; cut: the time was over.
STATUSES = ("ok", "failed", "oom", "skipped", "cut")


def row(
    part: str, name: str, status: str, error: str | None = None, **found: Any
) -> dict[str, Any]:
    """Return a row; `found` is what only rows of its kind have.

    A number that is none (NaN) or infinite is null: JSON has neither.
    """
    assert status in STATUSES
    known = {"part": part, "name": name, "status": status, "error": error}
    return known | {key: _finite(value) for key, value in found.items()}


class CheckRows:
    """The rows of one check, on disk as they come.

    Args:
        folder: Where their file is made anew.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ROWS
        self._path.write_text("")
        self.rows: list[dict[str, Any]] = []

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows and say them."""
        with self._path.open("a") as file:
            for one in rows:
                self.rows.append(one)
                file.write(json.dumps(one, allow_nan=False) + "\n")
                file.flush()
                print(describe(one), flush=True)

    def count(self, status: str) -> int:
        """Return how many rows have a status."""
        return sum(one["status"] == status for one in self.rows)

    def of(self, part: str) -> list[dict[str, Any]]:
        """Return the rows of a part that have found something."""
        return [one for one in self.rows if one["part"] == part and one["status"] == "ok"]


def describe(one: dict[str, Any]) -> str:
    """Return a row as a line."""
    known = {"part", "name", "status", "error"}
    found = [f"{name} {_short(value)}" for name, value in one.items() if name not in known]
    reason = [one["error"]] if one["error"] else []
    return f"[{one['part']}] {one['status']}: {one['name']}: {', '.join([*reason, *found])}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and len(value) > 4:
        return f"({len(value)} values)"
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
