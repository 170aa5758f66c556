"""Measure one point in this process: the tasks of a measuring child."""

import statistics
from dataclasses import replace
from typing import Any

import torch

from lightning_modules.errors import ModelError
from profiling.active_path import ActivePathCheck
from profiling.limits import forget, is_out_of_memory
from profiling.memory import PeakMemory, check_peak, return_freed_pages
from profiling.plan import Point
from profiling.samples import Sample, summarise
from profiling.steps import batch_of, build_point, facts_of, prepare_process, run_steps
from profiling.tasks import Effort, Task

# A search for the best batch may take so many times the seconds of one measurement.
SEARCH_FACTOR = 10


def measure_speed(task: Task) -> dict[str, Any]:
    """Return a row's latency at batch size 1 and, if asked for, its throughput."""
    point = task.point
    prepare_process(point)
    module = build_point(point)
    batch = batch_of(point, 1)
    check = ActivePathCheck(point, batch)
    samples = run_steps(module, point, batch, task.effort, [check])
    latencies = [sample.latency_ms for sample in samples]
    row = facts_of(module, point) | {"attention_kernel": check.kernel}
    row |= summarise("latency_ms", latencies)
    if "throughput" in point.metrics:
        del module, check
        row |= _search_batch(point, task.effort, 1e3 / row["latency_ms"])
    return row


def _search_batch(point: Point, effort: Effort, rate_at_1: float) -> dict[str, Any]:
    """Return throughput fields: the best of batches 1, 2, 4, ... in budget, measured again.

    The search ends at the memory budget, at `max_batch_size`, or when it has taken too long;
    `largest_batch_limited_by` tells which. The winner is measured again because the best of noisy
    values flatters.
    """
    rates = {1: rate_at_1}
    short = Effort(1, 1, effort.seconds / 4)
    limited_by, seconds, batch_size = "cap", 0.0, 2
    while batch_size <= point.conditions.max_batch_size:
        if seconds > SEARCH_FACTOR * effort.seconds:
            limited_by = "time"
            break
        samples = _try_batch(point, batch_size, short)
        if samples is None:
            limited_by = "memory"
            break
        rates[batch_size] = batch_size / _median_s(samples)
        seconds += sum(sample.latency_ms for sample in samples) / 1e3
        batch_size *= 2
    best = max(rates, key=lambda size: rates[size])
    samples = _try_batch(point, best, replace(effort, min_samples=max(1, effort.min_samples // 2)))
    if samples is None:
        raise torch.OutOfMemoryError(f"batch size {best} fitted once and no longer does")
    return {
        "throughput_samples_per_s": best / _median_s(samples),
        "throughput_batch_size": best,
        "largest_batch_size": max(rates),
        "largest_batch_limited_by": limited_by,
    }


def _try_batch(point: Point, batch_size: int, effort: Effort) -> list[Sample] | None:
    forget(point.conditions.device)
    try:
        return run_steps(build_point(point), point, batch_of(point, batch_size), effort)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
    return None


def _median_s(samples: list[Sample]) -> float:
    return statistics.median(sample.latency_ms for sample in samples) / 1e3


def measure_memory(task: Task) -> dict[str, Any]:
    """Return memory fields at batch size 1: one step after a warm-up at full length."""
    point = task.point
    device = point.conditions.device
    prepare_process(point)
    batch = batch_of(point, 1)
    if device == "cpu":
        check_peak()
        return_freed_pages()
    memory = PeakMemory(device)
    module = build_point(point)
    if device == "cuda":
        module.to(device)
    memory.loaded()
    check = ActivePathCheck(point, batch)
    samples = run_steps(module, point, batch, Effort(1, 1, 0.0), [check], memory)
    peak = max(sample.peak_memory_mib or 0.0 for sample in samples)
    above = {"memory_above_weights_mib": peak - memory.weights_mib}
    return facts_of(module, point) | {"peak_memory_mib": peak} | above


def describe_cuda() -> dict[str, Any]:
    """Return name and usable memory of the CUDA device.

    Raises:
        ModelError: There is none.
    """
    if not torch.cuda.is_available():
        raise ModelError("`device` cuda needs a CUDA device, and this machine has none; use cpu")
    properties = torch.cuda.get_device_properties(0)
    return {"name": properties.name, "memory_gib": round(properties.total_memory * 0.8 / 2**30, 1)}
