"""Measured steps, and the rows they make."""

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from datamodules.geometry import frames_for_samples


@dataclass(frozen=True)
class Sample:
    """One measured step."""

    phase: str
    batch_size: int
    length: int
    latency_ms: float
    forward_ms: float | None
    backward_ms: float | None
    optimizer_ms: float | None
    peak_memory_mib: float | None


def batch_shape(batch: Any) -> tuple[int, int]:
    """Return (batch size, length) of a batch, the length in tokens, frames or pixels per side.

    Raises:
        TypeError: The batch is of an unknown kind; give the callback a `shape_of`.
    """
    if isinstance(batch, Mapping):
        if "input_ids" in batch:
            return batch["input_ids"].shape[0], batch["input_ids"].shape[1]
        if "input_values" in batch:
            values = batch["input_values"]
            return values.shape[0], frames_for_samples(values.shape[-1])
        if "pixel_values" in batch:
            return batch["pixel_values"].shape[0], batch["pixel_values"].shape[-1]
    first = batch[0] if isinstance(batch, (list, tuple)) else batch
    if isinstance(first, torch.Tensor) and first.ndim >= 2:
        return first.shape[0], first.shape[1]
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
    """Return one row per phase, batch size and length, in the words of a measurement row."""
    groups: dict[tuple[str, int, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.phase, sample.batch_size, sample.length].append(sample)
    return [_row(*key, group) for key, group in sorted(groups.items())]


def _row(phase: str, batch_size: int, length: int, samples: list[Sample]) -> dict[str, Any]:
    row: dict[str, Any] = {"phase": phase, "batch_size": batch_size, "sequence_length": length}
    row |= summarise("latency_ms", [sample.latency_ms for sample in samples])
    for part in ("forward_ms", "backward_ms", "optimizer_ms"):
        values = [getattr(sample, part) for sample in samples]
        known = [value for value in values if value is not None]
        row[part] = statistics.median(known) if known else None
    seconds = row["latency_ms"] / 1e3
    row["throughput_samples_per_s"] = batch_size / seconds
    row["throughput_tokens_per_s"] = batch_size * length / seconds
    peaks = [s.peak_memory_mib for s in samples if s.peak_memory_mib is not None]
    row["peak_memory_mib"] = max(peaks, default=None)
    return row
