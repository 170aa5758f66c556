"""The steps of a sweep that are measured again beside the epochs, and its rows as of now.

Nothing here imports torch: the process that plans sleeps while others measure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from profiling.advising.costs.observations import times_of
from profiling.analysis.points.groups import Points
from profiling.analysis.points.readings import Efforts
from profiling.rows.columns import Row

QUICK_MS = 200.0  # up to here an anchor is read several times in a turn, and warmed up before
SLOWEST_MS = 4000.0  # beyond it the nearest anchor must do
READINGS = 3

Step = tuple[int, int]
"""Length and batch size."""


@dataclass(frozen=True)
class Anchor:
    """A step that the sweep has timed.

    Args:
        length: On the modality's axis.
        batch_size: Samples.
        readings: How often it is timed in a turn.
        before: Milliseconds that it took in the sweep, the geometric mean over the visits.
    """

    length: int
    batch_size: int
    readings: int
    before: float

    @property
    def step(self) -> Step:
        """Return what is computed."""
        return self.length, self.batch_size


def find_anchors(
    points: Points, efforts: Efforts, longest: int, batch_size: int
) -> tuple[Anchor, ...]:
    """Return the steps that the sweep timed and that epochs of these lengths are foreseen by.

    Args:
        points: Of one contender.
        efforts: Of all rows that may meet, the last used one first.
        longest: Of the tensors of the epochs; the next measured length above belongs to them.
        batch_size: Of the objective throughput: with 1, larger batches tell nothing.
    """
    costs: dict[Step, list[float]] = {}
    for seen in times_of(points, efforts).plain:
        costs.setdefault((seen.length, seen.batch_size), []).append(math.log(seen.cost))
    before = {step: math.exp(fmean(found)) for step, found in costs.items()}
    above = [length for length, _ in before if length >= longest]
    end = min(above, default=max(length for length, _ in before))
    near = {
        (length, size): cost
        for (length, size), cost in before.items()
        if length <= end and (size == 1 or batch_size > 1)
    }
    chosen = {step: cost for step, cost in near.items() if cost <= SLOWEST_MS}
    return tuple(
        Anchor(*step, READINGS if cost <= QUICK_MS else 1, cost)
        for step, cost in sorted((chosen or {min(near): near[min(near)]}).items())
    )


def drift_of(anchors: Sequence[Anchor], seconds: Sequence[Sequence[float]]) -> dict[Step, float]:
    """Return what every anchor takes now over what it took in the sweep.

    Args:
        anchors: Of one contender.
        seconds: All readings of each of them. Their mean counts, because an epoch is a sum.
    """
    return {
        anchor.step: 1e3 * fmean(found) / anchor.before
        for anchor, found in zip(anchors, seconds, strict=True)
    }


def as_of_now(points: Points, drift: Mapping[Step, float]) -> Points:
    """Return the rows of a sweep as the machine would measure them now.

    Every step is slower or faster by what its anchor is; one without an anchor by what the nearest
    one is. What a mask adds is a ratio of steps in turns: it stays.
    """
    return {
        length: [_row_as_of_now(row, length, drift) for row in rows]
        for length, rows in points.items()
    }


def _row_as_of_now(row: Row, length: int, drift: Mapping[Step, float]) -> Row:
    changed = dict(row)
    alone = _nearest(drift, (length, 1))
    several = _nearest(drift, (length, row.get("throughput_batch_size") or 1))
    for name, factor in (
        ("latency_ms", alone),
        ("throughput_latency_ms_samples", several),
        ("throughput_samples_per_s", 1 / several),
    ):
        if changed.get(name):
            changed[name] = _times(changed[name], factor)
    return changed


def _times(value: object, factor: float) -> object:
    if isinstance(value, list | tuple):
        return [each * factor for each in value]
    assert isinstance(value, int | float)
    return value * factor


def _nearest(drift: Mapping[Step, float], wanted: Step) -> float:
    def distance(step: Step) -> float:
        return sum(abs(math.log(a / b)) for a, b in zip(step, wanted, strict=True))

    return drift[min(drift, key=distance)]
