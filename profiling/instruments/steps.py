"""Measured steps, and the rows they make."""

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from datamodules.geometry import frames_for_samples


class BatchShape(NamedTuple):
    """How large a batch is, in the words of a measurement row.

    Args:
        batch_size: Samples.
        sequence_length: Tokens or frames; None for images.
        input_size: Pixels per side; None for text and speech.
    """

    batch_size: int
    sequence_length: int | None = None
    input_size: int | None = None


@dataclass(frozen=True)
class Sample:
    """One measured step.

    `optimizer_ms` is None when it only accumulated gradients; `page_faults` are the pages that the
    system had to clear for it.
    """

    phase: str
    shape: BatchShape
    latency_ms: float
    forward_ms: float | None
    backward_ms: float | None
    optimizer_ms: float | None
    peak_memory_mib: float | None
    page_faults: int = 0


def batch_shape(batch: Any) -> BatchShape:
    """Return the shape of a batch of the usual kinds.

    Maps are read by the names of transformers; of tuples and lists the first tensor counts, four
    dimensions of which are images.

    Raises:
        TypeError: The batch is of an unknown kind; give the callback a `shape_of`.
    """
    if isinstance(batch, Mapping):
        if "input_ids" in batch:
            return BatchShape(*batch["input_ids"].shape[:2])
        if "input_values" in batch:
            values = batch["input_values"]
            return BatchShape(values.shape[0], frames_for_samples(values.shape[-1]))
        batch = batch.get("pixel_values")
    first = batch[0] if isinstance(batch, (list, tuple)) else batch
    if isinstance(first, torch.Tensor) and first.ndim == 4:
        return BatchShape(first.shape[0], input_size=first.shape[-1])
    if isinstance(first, torch.Tensor) and first.ndim >= 2:
        return BatchShape(first.shape[0], first.shape[1])
    raise TypeError(f"`shape_of` must be given for batches of type {type(batch).__name__}")


def summarise(name: str, values: list[float]) -> dict[str, Any]:
    """Return the median as `name`, with `name`_p10, `name`_p90 and the raw `name`_samples."""
    if len(values) == 1:
        low = high = values[0]
    else:
        tenths = statistics.quantiles(values, n=10, method="inclusive")
        low, high = tenths[0], tenths[-1]
    return {
        name: statistics.median(values),
        f"{name}_p10": low,
        f"{name}_p90": high,
        f"{name}_samples": values,
    }


def rows_of(samples: list[Sample]) -> list[dict[str, Any]]:
    """Return a row per phase and batch shape, in the words of a measurement row.

    Steps with and without an optimiser step cost different things and make different rows.
    """
    groups: dict[tuple[str, BatchShape, bool], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.phase, sample.shape, sample.optimizer_ms is not None].append(sample)
    ordered = sorted(groups, key=lambda key: (key[0], [n or 0 for n in key[1]], key[2]))
    return [_row(phase, shape, groups[phase, shape, stepped]) for phase, shape, stepped in ordered]


def _row(phase: str, shape: BatchShape, samples: list[Sample]) -> dict[str, Any]:
    row: dict[str, Any] = {"phase": phase, **shape._asdict()}
    row |= summarise("latency_ms", [sample.latency_ms for sample in samples])
    for part in ("forward_ms", "backward_ms", "optimizer_ms"):
        values = [getattr(sample, part) for sample in samples]
        known = [value for value in values if value is not None]
        row[part] = statistics.median(known) if known else None
    rate = shape.batch_size / row["latency_ms"] * 1e3
    row["throughput_samples_per_s"] = rate
    row["throughput_tokens_per_s"] = shape.sequence_length and rate * shape.sequence_length
    row["page_faults_per_step"] = float(statistics.median(s.page_faults for s in samples))
    peaks = [s.peak_memory_mib for s in samples if s.peak_memory_mib is not None]
    row["peak_memory_mib"] = max(peaks, default=None)
    return row
