"""One visit of all points of one length and phase: what is compared, measured side by side."""

import time
from collections.abc import Sequence
from typing import Any

from profiling.children.crew import Children
from profiling.children.outcome import Outcome
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit, measures_memory
from profiling.rows.columns import Row

SPEED, MEMORY = (
    "profiling.measuring.tasks:measure_speed",
    "profiling.measuring.tasks:measure_memory",
)
BREAKDOWN = "profiling.measuring.breakdown:measure_breakdown"
# Shares hardly vary from visit to visit.
BREAKDOWN_VISITS = 3
# Where neighbours disturb; with a time budget another attempt may take so much of what is left.
ATTEMPTS = 3
RETRY_SHARE = 0.02


def measure_group(
    group: Sequence[Visit],
    children: Children,
    timeout_s: float | None,
    room_gib: float,
    seconds_left: float | None,
) -> list[Row]:
    """Return a row of each visit: speed in turns, then memory and components, each alone.

    Where neighbours disturbed one of them the speed of all is measured again, while there is time
    for it: only what was measured side by side is compared. A row is that of the last attempt, its
    `seconds` are those of them all.

    Args:
        group: The visits.
        children: Where they are measured.
        timeout_s: The most seconds of one of them.
        room_gib: What those may hold of the device's memory that wait for their turn.
        seconds_left: Of the time budget; None without one.

    Raises:
        SettingsError: A child found something that the user must change.
    """
    rows = {visit: row_of(visit) | {"seconds": 0.0} for visit in group}
    able = [visit for visit in group if not visit.point.skip_reason]
    for visit in group:
        if visit.point.skip_reason:
            rows[visit] |= {"status": "skipped", "error": visit.point.skip_reason}
    timed = [visit for visit in able if {"latency", "throughput"} & set(visit.point.metrics)]
    if timed:
        for visit, found in _measure_speed(timed, children, timeout_s, room_gib, seconds_left):
            rows[visit] |= found
    for visit in able:
        if rows[visit]["status"] == "ok":
            _measure_alone(visit, rows[visit], children, timeout_s, bool(timed))
    return [row | {"seconds": round(row["seconds"], 3)} for row in rows.values()]


def _measure_speed(
    timed: Sequence[Visit],
    children: Children,
    timeout_s: float | None,
    room_gib: float,
    seconds_left: float | None,
) -> list[tuple[Visit, Row]]:
    calls = [(SPEED, visit.point) for visit in timed]
    spent = [0.0] * len(timed)
    began = time.monotonic()
    for attempts in range(1, ATTEMPTS + 1):
        outcomes = children.call_in_turns(calls, timeout_s, room_gib)
        found = [_fields(outcome) for outcome in outcomes]
        spent = [before + one["seconds"] for before, one in zip(spent, found, strict=True)]
        again_s = (time.monotonic() - began) / attempts
        too_long = seconds_left is not None and again_s > RETRY_SHARE * seconds_left
        if too_long or not any(one.get("disturbed") for one in found):
            break
    rows = [one | {"seconds": seconds} for one, seconds in zip(found, spent, strict=True)]
    return list(zip(timed, rows, strict=True))


def _measure_alone(
    visit: Visit,
    row: dict[str, Any],
    children: Children,
    timeout_s: float | None,
    beside_speed: bool,
) -> None:
    """Add to a row what is measured in processes of its own."""
    found: list[dict[str, Any]] = []
    if measures_memory(visit.point, visit.nth, beside_speed):
        found.append(_fields(children.call(MEMORY, visit.point, timeout_s)))
    if _is_broken_down(visit) and not any("status" in fields for fields in found):
        found.append(_components(children.call(BREAKDOWN, visit.point, timeout_s)))
    for fields in found:
        row |= fields | {"seconds": row["seconds"] + fields["seconds"]}


def _is_broken_down(visit: Visit) -> bool:
    return "components" in visit.point.metrics and visit.nth < BREAKDOWN_VISITS


def _components(outcome: Outcome) -> dict[str, Any]:
    """Return what a child says of components: that it fails is no fault of the row."""
    found = dict(outcome.value or {}) | {"seconds": outcome.seconds}
    if outcome.kind != "ok":
        found |= {"components": None, "components_error": outcome.message}
    return found


def _fields(outcome: Outcome) -> dict[str, Any]:
    """Return what a child says of a row."""
    found = dict(outcome.value or {}) | {"seconds": outcome.seconds}
    if outcome.kind != "ok":
        found |= {"status": outcome.kind, "error": outcome.message}
    if found.get("throughput_samples_per_s") is not None:
        tokens = found["sequence_length"]
        found["throughput_tokens_per_s"] = found["throughput_samples_per_s"] * tokens
    return found
