"""What the rows of one contender say of the cost of its steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from profiling.advising.costs.fitting import Observation
from profiling.advising.costs.unknown_masks import ran_without_mask
from profiling.analysis.points.groups import Points
from profiling.analysis.points.readings import Efforts, finite, read_column
from profiling.rows.columns import Row, judged_columns

# What a mask of padding adds, by the metric with whose batch size it was measured.
MASKED_RATIOS = {
    "latency": "masked_step_ratio",
    "throughput": "throughput_masked_step_ratio",
}
MOMENTS = 2  # numbers that AdamW keeps of each weight


@dataclass(frozen=True)
class Times:
    """Milliseconds of steps.

    Args:
        plain: Without padding, at batch size 1 and at that of the throughput.
        masked: The same with a mask of padding; empty where the run did not measure any.
        disturbed: Whether visits had to be kept that other processes disturbed.
    """

    plain: tuple[Observation, ...] = ()
    masked: tuple[Observation, ...] = ()
    disturbed: bool = False


def times_of(points: Points, efforts: Efforts, *, calm: bool = False) -> Times:
    """Return what the steps of a contender took, with and without a mask.

    Args:
        points: Its visits by length.
        efforts: The efforts of all rows.
        calm: Whether lengths are left out where too few visits passed undisturbed.
    """
    plain, masked, disturbed = [], [], False
    columns = judged_columns()
    for length, rows in points.items():
        for metric, ratio_column in MASKED_RATIOS.items():
            visits = efforts.newest(rows, columns[metric])
            reading = read_column(visits, columns[metric])
            if calm and reading.disturbed:
                continue
            disturbed |= reading.disturbed
            for row, seen in _steps_of(visits, metric, reading.values, length):
                plain.append(seen)
                ratio = finite(row.get(ratio_column))
                if ratio is not None:
                    masked.append(replace(seen, cost=seen.cost * ratio))
    return Times(tuple(plain), tuple(masked), disturbed)


def _steps_of(
    visits: Sequence[Row], metric: str, values: Mapping[int, float], length: int
) -> Iterator[tuple[Row, Observation]]:
    for row in visits:
        visit = int(row["visit"])
        if visit not in values:
            continue
        batch_size, cost = _step_of(row, metric, values[visit])
        if batch_size and cost > 0:
            yield row, Observation(visit, length, batch_size, cost)


def _step_of(row: Row, metric: str, value: float) -> tuple[int, float]:
    """Return batch size and milliseconds of a step; no batch size where the row has none."""
    if metric == "latency":
        return 1, value
    batch_size = row.get("throughput_batch_size") or 0
    if samples := row.get("throughput_latency_ms_samples"):
        return batch_size, float(np.median(samples))
    return (batch_size, 1000.0 * batch_size / value) if value > 0 else (0, 0.0)


def peaks_of(points: Points, efforts: Efforts) -> list[Observation]:
    """Return peaks of memory at batch size 1, in MiB."""
    column = judged_columns()["memory"]
    return [
        Observation(visit, length, 1, max(value, 1.0))
        for length, rows in points.items()
        for visit, value in read_column(efforts.newest(rows, column), column).values.items()
    ]


def loaded_of(points: Points, efforts: Efforts, phase: str) -> float:
    """Return the MiB that a step needs whatever its batch size; 0 where nobody measured them.

    They are the loaded model, in training the state of its optimiser and, on CUDA, what products
    of matrices keep for themselves: peaks contain it, but nothing has taken it yet when the model
    is loaded. The state is taken to be as large as the measured steps have it: AdamW's two moments
    of each weight. What later steps take above the first one does not show it, since the peak of
    the first may lie at its end, beside the gradients, where the state is there already.

    Args:
        points: The visits of a contender by length.
        efforts: The efforts of all rows.
        phase: inference or training.
    """
    column = judged_columns()["memory"]
    copies = 1 + MOMENTS if phase == "training" else 1
    found = [
        copies * value + (finite(row.get("workspace_mib")) or 0.0)
        for visits in points.values()
        for row in efforts.newest(visits, column)
        if (value := finite(row.get("loaded_memory_mib"))) is not None
    ]
    return float(np.median(found)) if found else 0.0


def batches_that_fit(points: Points, efforts: Efforts) -> tuple[tuple[int, int], ...]:
    """Return (length, batch size) of the largest batch that ran wherever it was tried, ascending.

    A visit that ran out of memory counts, and so do batches that did with a mask of padding,
    because those of data have one. Where no visit has a step with a mask, such as of images, none
    could be tried.
    """
    column = judged_columns()["throughput"]
    masks = [row.get(MASKED_RATIOS["latency"]) for rows in points.values() for row in rows]
    has_masks = any(ratio is not None for ratio in masks)
    found = []
    for length, rows in sorted(points.items()):
        visits = efforts.newest(rows, column)
        sizes = [size for row in visits if (size := _largest_that_fits(row, has_masks)) is not None]
        if least := min(sizes, default=0):
            found.append((length, least))
    return tuple(found)


def _largest_that_fits(row: Row, has_masks: bool) -> int | None:
    """Return it, 0 where memory ran out; None where the row does not tell."""
    ran_out = has_masks and ran_without_mask(row, MASKED_RATIOS["throughput"])
    if ran_out or row.get("status") == "oom":
        return 0
    return row.get("largest_batch_size")


def batches_too_large(points: Points, efforts: Efforts) -> tuple[tuple[int, int], ...]:
    """Return (length, batch size) where the search for a batch ended at the memory, ascending.

    The search doubles, so that twice the largest batch is the one that did not fit; of visits that
    differ the largest one counts.
    """
    column = judged_columns()["throughput"]
    found = []
    for length, rows in sorted(points.items()):
        visits = [row for row in efforts.newest(rows, column) if row.get("largest_batch_size")]
        if visits and all(row.get("largest_batch_limited_by") == "memory" for row in visits):
            found.append((length, 2 * max(row["largest_batch_size"] for row in visits)))
    return tuple(found)


def longest_taken(points: Points, efforts: Efforts, metric: str) -> int | None:
    """Return the longest length that ran below the first out of memory; None if none was."""
    column = judged_columns()[metric]
    statuses = {
        length: read_column(efforts.newest(rows, column), column).status
        for length, rows in sorted(points.items())
    }
    out = [length for length, status in statuses.items() if status == "oom"]
    if not out:
        return None
    ran = [length for length, status in statuses.items() if status == "ok" and length < out[0]]
    return max(ran, default=0)
