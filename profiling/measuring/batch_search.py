"""The batch size with the most samples per second, of 1, 2, 4, ... within the memory budget."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.steps.attempts import if_it_fits
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.pace import Opening
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort

# The search may take so many times the seconds of one measurement; batch 2 is always tried.
SEARCH_FACTOR = 10
TRIAL_STEPS = 2  # of a trial, its warm-up included
Run = Callable[..., list[Sample]]
"""`run_steps`, or what calls it."""


@dataclass(frozen=True)
class Trial:
    """One batch size, measured: times and fresh pages of its steps, and the kernel that ran."""

    batch_size: int
    latencies_ms: list[float]
    page_faults: list[int]
    kernel: str | None

    @classmethod
    def of(cls, batch_size: int, samples: Sequence[Sample], kernel: str | None) -> Self:
        """Return what samples say."""
        latencies_ms = [sample.latency_ms for sample in samples]
        return cls(batch_size, latencies_ms, [sample.page_faults for sample in samples], kernel)

    @property
    def rate(self) -> float:
        """Samples per second."""
        return self.batch_size * 1e3 / statistics.median(self.latencies_ms)


def search_batch(
    point: Point, effort: Effort, rate_at_1: float, surroundings: Surroundings
) -> dict[str, Any]:
    """Return the throughput fields of a row.

    The search ends at the memory budget, at `max_batch_size`, or where the next trial would take
    too long; `largest_batch_limited_by` tells which. The winner is measured again, with the full
    effort, because the best of noisy values flatters: by a fresh model, or, if it was the last one
    tried, by the model of its trial, which goes on. Every visit searches anew: a size that the
    noise of one visit chose would speak for all of them.

    Args:
        point: What is measured.
        effort: Of the winner; the trials take a part of it.
        rate_at_1: Samples per second at batch size 1.
        surroundings: Of this process.

    Raises:
        MemoryError: None of the sizes fits any more.
    """
    rates = {1: rate_at_1}
    brief = Effort(1, 1, effort.seconds_per_measurement / 4)
    seconds_left = SEARCH_FACTOR * effort.seconds_per_measurement
    limited_by, batch_size = "cap", 2
    best: Trial | None = None
    while batch_size <= point.conditions.max_batch_size:
        expected_s = TRIAL_STEPS * batch_size / rates[batch_size // 2]
        if batch_size > 2 and expected_s > seconds_left:
            limited_by = "time"
            break
        if 2 * batch_size > point.conditions.max_batch_size:
            best = _measure_last(point, batch_size, rates, (brief, effort), surroundings)
        elif trial := _try_batch(point, batch_size, brief, run_steps):
            rates[batch_size] = trial.rate
        if batch_size not in rates:
            limited_by = "memory"
            break
        seconds_left -= expected_s
        batch_size *= 2
    best = best or _measure_best(point, rates, effort, surroundings)
    return _fields(best) | {
        "largest_batch_size": max(rates),
        "largest_batch_limited_by": limited_by,
    }


def _measure_last(
    point: Point,
    batch_size: int,
    rates: dict[int, float],
    efforts: tuple[Effort, Effort],
    surroundings: Surroundings,
) -> Trial | None:
    """Try the last batch size, and go on with the same model where it is the best; else None.

    The steps of the trial are not among those that are returned: they chose it.
    """
    brief, full = efforts

    def is_best(samples: list[Sample]) -> bool:
        rates[batch_size] = Trial.of(batch_size, samples, None).rate
        return rates[batch_size] == max(rates.values())

    opening = Opening(brief, is_best)
    measured = _try_batch(point, batch_size, full, surroundings.time_steps, True, opening)
    return measured if measured is not None and measured.latencies_ms else None


def _measure_best(
    point: Point, rates: dict[int, float], effort: Effort, surroundings: Surroundings
) -> Trial:
    """Measure the fastest batch size again, or the next one where that no longer fits."""
    for best in sorted(rates, key=lambda size: rates[size], reverse=True):
        trial = _try_batch(point, best, effort, surroundings.time_steps, checked=True)
        if trial is not None:
            return trial
    raise MemoryError(f"batch sizes {sorted(rates)} fitted once and no longer do")


def _fields(best: Trial) -> dict[str, Any]:
    return {
        "throughput_samples_per_s": best.rate,
        "throughput_batch_size": best.batch_size,
        "throughput_latency_ms_samples": best.latencies_ms,
        "throughput_page_faults_per_step": float(statistics.median(best.page_faults)),
        "throughput_attention_kernel": best.kernel,
    }


def _try_batch(
    point: Point,
    batch_size: int,
    effort: Effort,
    run: Run,
    checked: bool = False,
    opening: Opening | None = None,
) -> Trial | None:
    """Measure a fresh model, its path `checked` or not; None when memory ran out."""

    def measure() -> Trial:
        batch = batch_of(point, batch_size)
        check = ActivePathCheck(point, batch)
        checks = [check] if checked else []
        samples = run(build_point(point), point, batch, effort, checks, opening=opening)
        return Trial.of(batch_size, samples, check.kernel)

    return if_it_fits(point, measure)
