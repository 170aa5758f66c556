"""Which rows of a run directory still count."""

from collections.abc import Iterable, Mapping
from typing import Any

from datamodules.counted import counted_of
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
    current = _current_states(rows, manifest)
    return [row for row in rows if state_of(row) == current[row.get("modality")]]


def describe_left_out(rows: Iterable[Row], manifest: Mapping[str, Any]) -> list[str]:
    """Return a sentence per modality about the rows that do not count any more, and why.

    Args:
        rows: Measurement rows, oldest first.
        manifest: As for `current_rows`.
    """
    rows = list(rows)
    names = [column.name for column in columns_of("state")]
    current = _current_states(rows, manifest)
    left_out: dict[Any, list[tuple[Any, ...]]] = {}
    for row in rows:
        if state_of(row) != current[row.get("modality")]:
            left_out.setdefault(row.get("modality"), []).append(state_of(row))
    sentences = []
    for modality, states in left_out.items():
        now, total = current[modality], sum(row.get("modality") == modality for row in rows)
        differing = [
            f"`{name}` {'is missing' if all(s[place] is None for s in states) else 'differs'}"
            for place, name in enumerate(names)
            if any(state[place] != now[place] for state in states)
        ]
        verbs = ("is left out, because it was", "are left out, because they were")
        told = counted_of(len(states), total, "row", *(f"of {modality} {verb}" for verb in verbs))
        sentences.append(
            f"{told} measured in another state ({', '.join(differing)}); the sweep measures "
            f"{'it' if len(states) == 1 else 'them'} again."
        )
    return sentences


def _current_states(rows: list[Row], manifest: Mapping[str, Any]) -> dict[Any, tuple[Any, ...]]:
    current = {row.get("modality"): state_of(row) for row in rows}
    for modality, state in (manifest.get("states") or {}).items():
        current[modality] = state_of(state if isinstance(state, dict) else _older(state))
    return current


def name_state(row: Row) -> dict[str, Any]:
    """Return the state of a row by the names of its columns, as a manifest has it."""
    return {column.name: value_of(row, column) for column in columns_of("state")}


def _older(state: Iterable[Any]) -> dict[str, Any]:
    """Return a state of a manifest that had no names yet."""
    return dict(zip(("fingerprint", "seed", "versions"), state, strict=False))
