"""What a sweep has to know before it measures: conditions, data and hence the points."""

import sys
from pathlib import Path
from typing import Any

from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.planning.points import (
    Conditions,
    DataFacts,
    Point,
    make_points,
    shard_of,
    synthetic_facts,
)
from profiling.planning.requests import DataTask
from profiling.planning.settings import SweepSettings
from profiling.rows.columns import Row
from profiling.rows.machine import available_threads, cpu_name, default_budget_gib, memory_gib
from profiling.sweeping.progress import warn_of_skipped

NOT_KEPT = (
    "freed memory does not stay with a process under this C library: `allocator` is system, and "
    "latencies depend on fresh pages"
)


class Preparation:
    """From the settings of a sweep to its points.

    Args:
        settings: Of the sweep.
        children: Where what needs torch is asked.
        batches: Folder to store real batches in; None stores none, for a plan alone.

    Attributes:
        every_point: The points of the whole sweep, once those of a part are made.
        distributions: The lengths of the real data, from then on too.
    """

    def __init__(self, settings: SweepSettings, children: Children, batches: Path | None) -> None:
        self.settings = settings
        self.children = children
        self.batches = batches
        self.every_point: list[Point] = []
        self.distributions: list[Row] = []

    def points(self, shard: tuple[int, int] = (1, 1)) -> list[Point]:
        """Return the points of one part of the sweep, which is (part, parts), counted from 1.

        Raises:
            SettingsError: A setting does not fit this machine or the data.
        """
        conditions = self._conditions()
        data = {modality: self._facts(modality) for modality in self.settings.modalities}
        self.every_point = make_points(self.settings, conditions, data)
        return shard_of(self.every_point, *shard)

    def _conditions(self) -> Conditions:
        settings = self.settings
        device = self._device()
        return Conditions(
            size=settings.size,
            precision=settings.precision,
            device=settings.device,
            device_name=str(device["name"]),
            threads=self._threads(),
            allocator=self._allocator(),
            dropout=settings.dropout,
            memory_budget_gib=settings.memory_budget_gib or float(device["memory_gib"]),
            max_batch_size=settings.max_batch_size,
            seed=settings.seed,
        )

    def _threads(self) -> int:
        threads = self.settings.threads or available_threads()
        if threads > available_threads():
            raise SettingsError(
                f"`threads` must be at most {available_threads()} on this machine, got {threads}"
            )
        return threads

    def _allocator(self) -> str:
        """Return the allocator of all points: on a CPU the one that was asked for, if it works."""
        if self.settings.allocator == "system" or self.settings.device != "cpu":
            return self.settings.allocator
        found: str = self.children.ask("profiling.measuring.surroundings:find_allocator", None)
        if found != self.settings.allocator:
            print(NOT_KEPT, file=sys.stderr)
        return found

    def _device(self) -> dict[str, Any]:
        """Return name and usable memory of the device."""
        if self.settings.device == "cuda":
            described: dict[str, Any] = self.children.ask(
                "profiling.measuring.tasks:describe_cuda", None
            )
            return described
        if (self.settings.memory_budget_gib or 0) > memory_gib():
            raise SettingsError(
                f"`memory_budget_gib` must be at most {memory_gib():.1f} on this machine, "
                f"got {self.settings.memory_budget_gib}"
            )
        return {"name": cpu_name(), "memory_gib": default_budget_gib()}

    def _facts(self, modality: str) -> DataFacts:
        chosen = self.settings.modalities[modality]
        if chosen.data is None:
            return synthetic_facts(self.settings, modality)
        task = DataTask(
            modality=modality,
            block=chosen.data,
            lengths=chosen.axis_values(modality),
            batch_size=self.settings.max_batch_size,
            folder=None if self.batches is None else str(self.batches),
            seed=self.settings.seed,
        )
        facts = self.children.ask("profiling.measuring.real_batches:prepare_data", task)
        skipped = facts.pop("skipped")
        warn_of_skipped(skipped)
        self.distributions.append(facts.pop("distribution") | {"skipped": len(skipped)})
        return DataFacts(**facts)
