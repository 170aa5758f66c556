"""Measure every point of a sweep, each visit in fresh children; imports no torch."""

import time
from dataclasses import asdict
from functools import cached_property
from multiprocessing.context import ForkServerContext
from typing import Any

from datamodules.geometry import samples_for_frames
from profiling.children import Outcome, run_in_child, start_server
from profiling.errors import SettingsError
from profiling.machine import available_threads, cpu_name, default_budget_gib, describe_machine
from profiling.plan import Conditions, DataFacts, Point, make_points, shard_of, synthetic_facts
from profiling.progress import Progress
from profiling.run_directory import Row, RunDirectory
from profiling.schedule import Schedule, Visit
from profiling.settings import SweepSettings
from profiling.tasks import DataTask, Effort, Task

SPEED, MEMORY = "profiling.measure:measure_speed", "profiling.measure:measure_memory"
# Memory hardly varies between visits: two show that it does not.
MEMORY_VISITS = 2
# What only a child can say of a point; null until it has.
UNKNOWN: Row = dict.fromkeys(
    (
        "error",
        "effective_sequence_length",
        "latency_ms",
        "latency_ms_p10",
        "latency_ms_p90",
        "latency_ms_samples",
        "throughput_samples_per_s",
        "throughput_tokens_per_s",
        "throughput_batch_size",
        "largest_batch_size",
        "largest_batch_limited_by",
        "peak_memory_mib",
        "memory_above_weights_mib",
        "parameters",
        "attention_kernel",
        "flops",
        "components",
    )
)


class Sweep:
    """A sweep into a run directory; run again, it measures what is missing."""

    def __init__(
        self, settings: SweepSettings, run: RunDirectory, shard: tuple[int, int] = (1, 1)
    ) -> None:
        """Measure `settings` into `run`; `shard` is (part, parts), counted from 1."""
        self.settings = settings
        self.run = run
        self.shard = shard
        self.distributions: list[Row] = []

    def measure(self) -> int:
        """Fill the holes of the run directory; return how many visits were measured.

        Raises:
            SettingsError: A setting that only a child can check is wrong.
        """
        schedule = Schedule(self._points(), self.settings.visits, self.settings.time_budget_s)
        measured = 0
        with Progress() as progress:
            for visit in schedule.missing(self.run.rows):
                if not measured:
                    self._begin()
                done, left = schedule.num_done(self.run.rows), schedule.seconds_left(self.run.rows)
                progress.begin(visit.point.describe(), done, schedule.num_visits, left)
                row = self._measure(visit)
                self.run.append(row)
                progress.report(visit.point.describe(), row)
                measured += 1
        return measured

    # -- what to measure -----------------------------------------------------------------------

    def _points(self) -> list[Point]:
        conditions = self._conditions()
        data = {modality: self._facts(modality) for modality in self.settings.modalities}
        return shard_of(make_points(self.settings, conditions, data), *self.shard)

    def _conditions(self) -> Conditions:
        settings = self.settings
        threads = settings.threads or available_threads()
        if threads > available_threads():
            raise SettingsError(
                f"`threads` must be at most {available_threads()} on this machine, got {threads}"
            )
        device: dict[str, Any] = {"name": cpu_name(), "memory_gib": default_budget_gib()}
        if settings.device == "cuda":
            device = self._ask("profiling.measure:describe_cuda", None)
        return Conditions(
            size=settings.size,
            precision=settings.precision,
            device=settings.device,
            device_name=str(device["name"]),
            threads=threads,
            dropout=settings.dropout,
            memory_budget_gib=settings.memory_budget_gib or float(device["memory_gib"]),
            max_batch_size=settings.max_batch_size,
            seed=settings.seed,
        )

    def _facts(self, modality: str) -> DataFacts:
        chosen = self.settings.modalities[modality]
        if chosen.data is None:
            return synthetic_facts(self.settings, modality)
        task = DataTask(
            modality=modality,
            block=chosen.data,
            lengths=chosen.input_sizes if modality == "vision" else chosen.lengths,
            batch_size=self.settings.max_batch_size,
            folder=str(self.run.path / "batches"),
            seed=self.settings.seed,
        )
        facts = self._ask("profiling.prepare:prepare_data", task)
        self.distributions.append(facts.pop("distribution"))
        return DataFacts(**facts)

    # -- measuring -----------------------------------------------------------------------------

    @cached_property
    def _context(self) -> ForkServerContext:
        return start_server()

    def _child(self, function: str, task: Any) -> Outcome:
        outcome = run_in_child(self._context, function, task, self.settings.point_timeout_s)
        if outcome.kind == "mistake":
            raise SettingsError(outcome.message)
        return outcome

    def _ask(self, function: str, task: Any) -> Any:
        outcome = self._child(function, task)
        if outcome.kind != "ok":
            raise RuntimeError(outcome.message)
        return outcome.value

    def _measure(self, visit: Visit) -> Row:
        row = _row_of(visit)
        if visit.point.skip_reason:
            return row | {"status": "skipped", "error": visit.point.skip_reason, "seconds": 0.0}
        began = time.monotonic()
        task = Task(visit.point, self._effort())
        for function in _functions_of(visit):
            outcome = self._child(function, task)
            if outcome.kind != "ok":
                row |= {"status": outcome.kind, "error": outcome.message}
                break
            row |= outcome.value
        if row["throughput_samples_per_s"] is not None:
            tokens = row["sequence_length"]
            row["throughput_tokens_per_s"] = row["throughput_samples_per_s"] * tokens
        return row | {"seconds": round(time.monotonic() - began, 3)}

    def _effort(self) -> Effort:
        return Effort(
            num_warmup_steps=self.settings.num_warmup_steps,
            min_samples=self.settings.min_samples,
            seconds=self.settings.seconds_per_measurement,
        )

    def _begin(self) -> None:
        self._ask("os:getpid", None)  # the imports are over when this returns: no visit pays
        manifest = {
            "config": asdict(self.settings),
            "seed": self.settings.seed,
            "shard": list(self.shard),
            "machine": describe_machine(),
            "length_distributions": self.distributions,
        }
        self.run.write_manifest(manifest)


def _functions_of(visit: Visit) -> list[str]:
    """Return what to do in children of their own: memory is never measured beside speed."""
    metrics = visit.point.metrics
    speed = [SPEED] if {"latency", "throughput"} & set(metrics) else []
    often_enough = speed and visit.number >= MEMORY_VISITS
    memory = [MEMORY] if "memory" in metrics and not often_enough else []
    return speed + memory


def _row_of(visit: Visit) -> Row:
    point = visit.point
    is_vision = point.modality == "vision"
    samples = samples_for_frames(point.length) if point.modality == "speech" else None
    conditions = asdict(point.conditions)
    return (
        UNKNOWN
        | conditions
        | {
            "key": point.key,
            "visit": visit.number,
            "modality": point.modality,
            "variant": point.variant,
            "implementation": point.implementation,
            "attention_window": point.attention_window,
            "checkpoint": point.checkpoint,
            "phase": point.phase,
            "batch_source": point.batch_source,
            "batch_size": 1,
            "sequence_length": None if is_vision else point.length,
            "input_size": point.length if is_vision else samples,
            "max_length": point.max_length,
            "status": "ok",
        }
    )
