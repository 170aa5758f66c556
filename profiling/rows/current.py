"""Which rows of a run directory still count."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datamodules.counted import counted_of
from profiling.rows.columns import Column, Row, columns_of, key_of, value_of

Place = tuple[Any, ...]
"""What has a current state: a column, a modality, and the conditions that the column belongs to."""
# How a sentence about one row that was measured again goes on, and one about several. Of the others
# only a sweep knows whether it still asks for them.
DONE = ("; it was measured again since", "; they were measured again since")


def current_rows(rows: Iterable[Row], manifest: Mapping[str, Any]) -> list[Row]:
    """Return the rows measured in the current state of data, seed and library versions.

    Rows of the current state alone count, never two states in one curve. Conditions that a user
    chooses are compared instead, in curves of their own: another device has libraries of its own,
    and other batches have other data, so each of them has a current state.

    Args:
        rows: Measurement rows, oldest first.
        manifest: Its `states` says what the last sweep found of a modality, on its device and with
            its batches. Of others, and without a manifest, the newest row says it.
    """
    rows = list(rows)
    current = _current_values(rows, _last_states(rows, manifest))
    return [row for row in rows if not _outdated(row, current)]


def current_searches(
    searches: Iterable[Row], rows: Iterable[Row], manifest: Mapping[str, Any]
) -> list[Row]:
    """Return the searches of the frontier that were made in the state of rows that count.

    The longest input of real data is searched with synthetic batches, of which it has no state.

    Args:
        searches: Rows of the frontier.
        rows: Measurement rows, oldest first.
        manifest: As for `current_rows`.
    """
    known = {_state_on_device(row) for row in current_rows(rows, manifest)}
    return [search for search in searches if _state_on_device(search) in known]


def describe_left_out(rows: Iterable[Row], manifest: Mapping[str, Any]) -> list[str]:
    """Return sentences about the rows of each modality that do not count any more, and why.

    Args:
        rows: Measurement rows, oldest first.
        manifest: As for `current_rows`.
    """
    rows = list(rows)
    current = _current_values(rows, _last_states(rows, manifest))
    outdated = [row for row in rows if _outdated(row, current)]
    made = {_visit_of(row) for row in rows if not _outdated(row, current)} if outdated else set()
    left_out: dict[tuple[Any, bool], list[Row]] = {}
    for row in outdated:
        left_out.setdefault((row.get("modality"), _visit_of(row) in made), []).append(row)
    sentences = []
    for (modality, is_made), group in left_out.items():
        total = sum(row.get("modality") == modality for row in rows)
        verbs = ("is left out, because it was", "are left out, because they were")
        told = counted_of(len(group), total, "row", *(f"of {modality} {verb}" for verb in verbs))
        differing = ", ".join(_differing(group, current))
        again = DONE[len(group) > 1] if is_made else ""
        sentences.append(f"{told} measured in another state ({differing}){again}.")
    return sentences


def name_state(row: Row) -> dict[str, Any]:
    """Return the state of a row and the conditions that it belongs to, as a manifest has them."""
    state = {column.name: value_of(row, column) for column in columns_of("state")}
    return state | _conditions_of(row)


def _last_states(rows: Sequence[Row], manifest: Mapping[str, Any]) -> dict[Any, Row]:
    """Return what the last sweep found of each modality; the newest row says what nobody else does.

    The conditions, too, are those of the newest row where a manifest is older than they are.
    """
    found: dict[Any, Row] = {row.get("modality"): name_state(row) for row in rows}
    for modality, state in (manifest.get("states") or {}).items():
        told = state if isinstance(state, dict) else _older(state)
        found[modality] = _conditions_of(found.get(modality, {})) | told
    return found


def _current_values(rows: Iterable[Row], last: Mapping[Any, Row]) -> dict[Place, Any]:
    """Return the current value of every place, which the last one to know it says."""
    told: list[Row] = [*rows, *({**last[name], "modality": name} for name in last)]
    columns = columns_of("state")
    return {_place(row, column): value_of(row, column) for row in told for column in columns}


def _place(row: Row, column: Column) -> Place:
    conditions = (row.get(name) for name in column.belongs_to)
    return column.name, row.get("modality"), *conditions


def _outdated(row: Row, current: Mapping[Place, Any]) -> list[Column]:
    """Return the columns in which a row has another state than the current one."""
    return [
        column
        for column in columns_of("state")
        if value_of(row, column) != current[_place(row, column)]
    ]


def _differing(rows: Sequence[Row], current: Mapping[Place, Any]) -> list[str]:
    """Say in which columns rows have another state; in some of them they may have none."""
    columns = dict.fromkeys(column for row in rows for column in _outdated(row, current))
    return [
        f"`{column.name}` "
        f"{'is missing' if all(value_of(row, column) is None for row in rows) else 'differs'}"
        for column in columns
    ]


def _conditions_of(row: Row) -> dict[str, Any]:
    """Return the conditions of a row to which a part of its state belongs."""
    names = (name for column in columns_of("state") for name in column.belongs_to)
    return {name: row.get(name) for name in names}


def _visit_of(row: Row) -> tuple[str, Any]:
    """Return what a row is a visit of, in whatever state, and which visit it is."""
    states = {column.name for column in columns_of("state")}
    asked = {name: value for name, value in row.items() if name not in states}
    return key_of(asked), row.get("visit")


def _state_on_device(row: Row) -> tuple[Any, ...]:
    """Return the state of a row, whatever its batches are."""
    state = (value_of(row, column) for column in columns_of("state"))
    return row.get("modality"), row.get("device"), row.get("device_name"), *state


def _older(state: Iterable[Any]) -> dict[str, Any]:
    """Return a state of a manifest that had no names yet."""
    return dict(zip(("fingerprint", "seed", "versions"), state, strict=False))
