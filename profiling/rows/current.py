"""Which rows of a run directory still count; imports no torch."""

from collections.abc import Iterable, Mapping
from typing import Any

from profiling.rows.columns import Row

# What makes a measurement outdated when it changes: rows of the last state alone count, never two
# states in one curve. Conditions that a user chooses are compared instead, in curves of their own.
STATE = ("fingerprint", "seed", "versions")


def state_of(row: Row) -> tuple[Any, ...]:
    """Return the state of data, seed and libraries under which a row was measured."""
    return tuple(row.get(name) for name in STATE)


def current_rows(rows: Iterable[Row], manifest: Mapping[str, Any]) -> list[Row]:
    """Return the rows measured in the current state of data, seed and library versions.

    Args:
        rows: Measurement rows, oldest first.
        manifest: Its `states` says which state of a modality is current, as the last sweep found
            it; without one, that of the modality's last row is.
    """
    rows = list(rows)
    current = {row.get("modality"): state_of(row) for row in rows}
    for modality, state in (manifest.get("states") or {}).items():
        current[modality] = tuple(state)
    return [row for row in rows if state_of(row) == current[row.get("modality")]]
