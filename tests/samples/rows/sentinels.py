"""Readings of a sentinel, as a sweep writes them."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.samples.rows.comparisons import row

BEGIN = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


def readings_of(
    latencies: Sequence[float],
    disturbed: Collection[int] = (),
    minutes: Sequence[float] | None = None,
    **fields: Any,
) -> list[dict[str, Any]]:
    """Return one reading per latency in ms, one a minute unless `minutes` says when each was.

    Args:
        latencies: In ms, oldest first.
        disturbed: The places of those that others disturbed.
        minutes: Since the first reading.
        fields: What else they say.
    """
    moments = range(len(latencies)) if minutes is None else minutes
    return [
        row("bert", "eager", 128, visit=place, latency_ms=latency)
        | {
            "at": (BEGIN + timedelta(minutes=minute)).isoformat(timespec="seconds"),
            "shard": [1, 1],
            "disturbed": place in disturbed,
            "others_cpu_share": 0.4 if place in disturbed else 0.01,
        }
        | fields
        for place, (latency, minute) in enumerate(zip(latencies, moments, strict=True))
    ]
