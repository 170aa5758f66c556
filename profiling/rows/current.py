"""Which rows of a run directory still count."""

from collections.abc import Iterable, Mapping
from typing import Any

from profiling.rows.columns import Row, columns_of, value_of


def state_of(row: Row) -> tuple[Any, ...]:
    """Return the state of data, seed and libraries under which a row was measured."""
    return tuple(value_of(row, column) for column in columns_of("state"))


def current_rows(rows: Iterable[Row], manifest: Mapping[str, Any]) -> list[Row]:
    """Return the rows measured in the current state of data, seed and library versions.

    Rows of the current state alone count, never two states in one curve. Conditions that a user
    chooses are compared instead, in curves of their own.

    Args:
        rows: Measurement rows, oldest first.
        manifest: Its `states` says which state of a modality is current, as the last sweep found
            it; without one, that of the modality's last row is.
    """
    rows = list(rows)
    current = {row.get("modality"): state_of(row) for row in rows}
    for modality, state in (manifest.get("states") or {}).items():
        current[modality] = state_of(state if isinstance(state, dict) else _older(state))
    return [row for row in rows if state_of(row) == current[row.get("modality")]]


def name_state(row: Row) -> dict[str, Any]:
    """Return the state of a row by the names of its columns, as a manifest has it."""
    return {column.name: value_of(row, column) for column in columns_of("state")}


def _older(state: Iterable[Any]) -> dict[str, Any]:
    """Return a state of a manifest that had no names yet."""
    return dict(zip(("fingerprint", "seed", "versions"), state, strict=False))
