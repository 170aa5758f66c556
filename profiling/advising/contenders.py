"""What a run knows of its contenders: their visits, and the models that are fitted to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightning_modules.variants import VARIANTS
from profiling.advising.cost_model import (
    CostModel,
    Observation,
    Tokens,
    TooFewLengthsError,
    fit_cost_model,
)
from profiling.analysis.axes import axis_of
from profiling.analysis.groups import Contender, Group, Points, group_rows
from profiling.analysis.readings import Efforts, finite, read_column
from profiling.rows.columns import Row, judged_columns


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Args:
        objective: latency, throughput or memory.
        phase: inference or training.
        batch_size: Samples of a batch.
        max_length: Longer samples are cut to it; None cuts none.
        budget_gib: Most memory of a step; None for no limit.
    """

    objective: str = "latency"
    phase: str = "inference"
    batch_size: int = 1
    max_length: int | None = None
    budget_gib: float | None = None


@dataclass(frozen=True)
class Measured:
    """What is known of one contender.

    Args:
        contender: Which one.
        points: Its visits by length.
        model: Of the objective's cost; None where there are too few lengths.
        memory: Of the peak at batch size 1, in MiB; None where it was not measured.
        loaded: MiB of the loaded model.
        takes: Longest length that it took, where a longer one ran out of memory.
        reason: Why there is no model.
        disturbed: Whether visits had to be kept that other processes disturbed.
    """

    contender: Contender
    points: Points
    model: CostModel | None = None
    memory: CostModel | None = None
    loaded: float = 0.0
    takes: int | None = None
    reason: str = ""
    disturbed: bool = False


def newest_group(
    rows: Iterable[Row], modality: str, phase: str
) -> tuple[Group, Mapping[Contender, Points]] | None:
    """Return the conditions that were measured last, and what was measured under them."""
    rows = list(rows)
    groups = group_rows(rows)
    known = [group for group in groups if (group.modality, group.phase) == (modality, phase)]
    if not known:
        return None
    last = {id(row): place for place, row in enumerate(rows)}
    places = {
        group: max(
            last[id(row)]
            for points in groups[group].values()
            for visits in points.values()
            for row in visits
        )
        for group in known
    }
    newest = max(known, key=lambda group: places[group])
    return newest, groups[newest]


def measure(
    contenders: Mapping[Contender, Points], modality: str, wanted: Wanted
) -> list[Measured]:
    """Fit the models of every contender."""
    rows = [row for points in contenders.values() for v in points.values() for row in v]
    efforts = Efforts(rows)
    return [_measured(each, points, efforts, modality, wanted.objective)
            for each, points in contenders.items()]  # fmt: skip


def _measured(
    contender: Contender, points: Points, efforts: Efforts, modality: str, objective: str
) -> Measured:
    tokens = _tokens_of(contender, modality)
    timed = objective != "memory"
    times, disturbed = _times(points, efforts) if timed else ([], False)
    peaks = _peaks(points, efforts)
    loaded = [value for rows in points.values() for row in rows
              if (value := finite(row.get("loaded_memory_mib"))) is not None]  # fmt: skip
    known = Measured(
        contender,
        points,
        loaded=float(np.median(loaded)) if loaded else 0.0,
        takes=_takes(points, efforts, "latency" if timed else "memory"),
        disturbed=disturbed,
    )
    memory = _fit_or_none(peaks, tokens)
    try:
        model = fit_cost_model(times if timed else peaks, tokens)
    except TooFewLengthsError as problem:
        return replace(known, memory=memory, reason=str(problem))
    return replace(known, model=model, memory=memory)


def _tokens_of(contender: Contender, modality: str) -> Tokens:
    variant = VARIANTS.get(modality, {}).get(contender.variant)
    pads_to = variant.pads_to if variant else None
    padding = pads_to if isinstance(pads_to, int) or pads_to is None else contender.attention_window
    return Tokens(
        padding, variant.minimum_length if variant else 1, axis_of(modality) == "input_size"
    )


def _times(points: Points, efforts: Efforts) -> tuple[list[Observation], bool]:
    """Return milliseconds of steps at batch size 1 and at that of the throughput."""
    found, disturbed = [], False
    columns = judged_columns()
    for length, rows in points.items():
        for metric in ("latency", "throughput"):
            visits = efforts.newest(rows, columns[metric])
            reading = read_column(visits, columns[metric])
            disturbed |= reading.disturbed
            for row in visits:
                if int(row["visit"]) not in reading.values:
                    continue
                batch_size, cost = _step_of(row, metric, reading.values[int(row["visit"])])
                if batch_size and cost > 0:
                    found.append(Observation(int(row["visit"]), length, batch_size, cost))
    return found, disturbed


def _step_of(row: Row, metric: str, value: float) -> tuple[int, float]:
    """Return batch size and milliseconds of a step; no batch size where the row has none."""
    if metric == "latency":
        return 1, value
    batch_size = row.get("throughput_batch_size") or 0
    samples = row.get("throughput_latency_ms_samples")
    return batch_size, float(np.median(samples)) if samples else 1000.0 * batch_size / value


def _peaks(points: Points, efforts: Efforts) -> list[Observation]:
    column = judged_columns()["memory"]
    return [
        Observation(visit, length, 1, max(value, 1.0))
        for length, rows in points.items()
        for visit, value in read_column(efforts.newest(rows, column), column).values.items()
    ]


def _takes(points: Points, efforts: Efforts, metric: str) -> int | None:
    """Return the longest length below the first that ran out of memory; None if none did."""
    column = judged_columns()[metric]
    statuses = {
        length: read_column(efforts.newest(rows, column), column).status
        for length, rows in sorted(points.items())
    }
    out = [length for length, status in statuses.items() if status == "oom"]
    if not out:
        return None
    return max((length for length in statuses if length < out[0]), default=0)


def _fit_or_none(observations: Sequence[Observation], tokens: Tokens) -> CostModel | None:
    try:
        return fit_cost_model(observations, tokens)
    except TooFewLengthsError:
        return None
