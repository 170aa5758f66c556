"""Measured steps, and the rows they make."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from profiling.instruments.batch_shapes import BatchShape

# Phase, shape of the batch and kind of step: what the steps of a row have in common.
Kind = tuple[str, BatchShape, str | None]


@dataclass(frozen=True)
class Sample:
    """One measured step.

    A part that has no time of its own in the step, or whose time nobody knows, is None.

    Args:
        step_kind: Of a training step, whether an optimiser "stepped" with its gradients, they
            were only "accumulated", or the step was "skipped": it had none, or a scaler of
            gradients refused them. None where nobody knows, and of predictions.
        page_faults: Pages that the system had to clear for it.
        real_tokens: Tokens that are no padding; None where nobody knows.
    """

    phase: str
    shape: BatchShape
    latency_ms: float
    forward_ms: float | None
    backward_ms: float | None
    optimizer_ms: float | None
    peak_memory_mib: float | None
    page_faults: int = 0
    step_kind: str | None = None
    real_tokens: int | None = None


def summarise(name: str, values: list[float]) -> dict[str, Any]:
    """Return the median as `name`, with `name`_p10, `name`_p90 and the raw `name`_samples.

    Of no values all are None.
    """
    low = high = values[0] if values else None
    if len(values) > 1:
        tenths = statistics.quantiles(values, n=10, method="inclusive")
        low, high = tenths[0], tenths[-1]
    return {
        name: _middle(values),
        f"{name}_p10": low,
        f"{name}_p90": high,
        f"{name}_samples": values,
    }


def rows_of(samples: list[Sample], untimed: Iterable[Kind] = ()) -> list[dict[str, Any]]:
    """Return a row per phase, batch shape and kind of step, in the words of a measurement row.

    Steps that accumulate, that step and that are skipped cost different things. Each `untimed`
    kind has a row, too, whose times are null where no sample is of that kind.
    """
    groups: dict[Kind, list[Sample]] = defaultdict(list, {kind: [] for kind in untimed})
    for sample in samples:
        groups[sample.phase, sample.shape, sample.step_kind].append(sample)
    ordered = sorted(groups, key=lambda key: (key[0], [n or 0 for n in key[1]], key[2] or ""))
    return [_row(*key, groups[key]) for key in ordered]


def _row(
    phase: str, shape: BatchShape, step_kind: str | None, samples: list[Sample]
) -> dict[str, Any]:
    row: dict[str, Any] = {"phase": phase, **shape._asdict(), "step_kind": step_kind}
    row |= summarise("latency_ms", [sample.latency_ms for sample in samples])
    for part in ("forward_ms", "backward_ms", "optimizer_ms"):
        row[part] = _middle([getattr(sample, part) for sample in samples])
    # A skipped step processed its batch for nothing.
    timed = bool(samples) and step_kind != "skipped"
    per_s = 1e3 / row["latency_ms"] if timed else None
    real = [sample.real_tokens for sample in samples if sample.real_tokens is not None]
    tokens = shape.batch_size and shape.sequence_length and shape.batch_size * shape.sequence_length
    row["throughput_samples_per_s"] = _product(per_s, shape.batch_size)
    row["throughput_tokens_per_s"] = _product(per_s, tokens)
    row["throughput_real_tokens_per_s"] = _product(per_s, statistics.fmean(real) if real else None)
    row["page_faults_per_step"] = _middle([float(sample.page_faults) for sample in samples])
    peaks = [s.peak_memory_mib for s in samples if s.peak_memory_mib is not None]
    row["peak_memory_mib"] = max(peaks, default=None)
    return row


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _product(per_s: float | None, count: float | None) -> float | None:
    return None if per_s is None or count is None else per_s * count
