"""What a sweep has to know before it measures: conditions, data and hence the plan."""

import sys
from pathlib import Path
from typing import Any

from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.planning.assumed_devices import AssumedDevice
from profiling.planning.checks import OF_CUDA
from profiling.planning.grids import PointMaker, make_points, shard_of, synthetic_facts
from profiling.planning.points import Conditions, DataFacts, Point
from profiling.planning.ranges import Range
from profiling.planning.requests import DataTask
from profiling.planning.settings import SweepSettings
from profiling.rows.columns import Row
from profiling.rows.machine import available_threads, cpu_name, default_budget_gib, memory_gib
from profiling.sweeping.company import warn_of_little_memory
from profiling.sweeping.plan import Plan
from profiling.sweeping.progress import warn_of_skipped
from profiling.sweeping.untold import check_what_is_told

# Of the memory beyond the budget of a measurement, those that wait for their turn may hold so much.
ROOM_SHARE = 0.75
CUDA_VERSIONS = ("cuda_version", "cudnn_version", "driver_version")
NOT_KEPT = (
    "freed memory does not stay with a process under this C library: `allocator` is system, and "
    "latencies depend on fresh pages"
)


class Preparation:
    """From the settings of a sweep to its plan.

    Args:
        settings: Of the sweep.
        children: Where what needs torch is asked.
        batches: Folder to store real batches in; None stores none, for a plan alone.
        assumed: A device to plan for that need not be here.

    Attributes:
        every_point: The points that the whole sweep begins with, once a part is planned.
        every_range: Where the whole sweep chooses lengths, from then on too.
        distributions: The lengths of the real data, from then on too.
        room_gib: What those may hold of the device's memory that wait for their turn.
    """

    def __init__(
        self,
        settings: SweepSettings,
        children: Children,
        batches: Path | None,
        assumed: AssumedDevice | None = None,
    ) -> None:
        self.settings = settings
        self.assumed = assumed
        self.children = children
        self.batches = batches
        self.every_point: list[Point] = []
        self.every_range: list[Range] = []
        self.distributions: list[Row] = []
        self.room_gib = 0.0

    def plan(self, shard: tuple[int, int] = (1, 1)) -> Plan:
        """Return one part of the sweep, which is (part, parts), counted from 1.

        Raises:
            SettingsError: A setting does not fit this machine or the data.
        """
        conditions, settings = self._conditions(), self.settings
        data = {modality: self._facts(modality) for modality in settings.modalities}
        refined = {name for name, chosen in settings.modalities.items() if chosen.refine}
        given = {name: facts for name, facts in data.items() if name not in refined}
        self.every_range = ranges = [
            Range(phase, PointMaker(settings, conditions, name, data[name]))
            for name in data
            if name in refined
            for phase in settings.phases
        ]
        points = make_points(settings, conditions, given)
        self.every_point = Plan(settings, points, ranges).first_points()
        part, parts = shard
        return Plan(settings, shard_of(points, part, parts), ranges[part - 1 :: parts])

    def _conditions(self) -> Conditions:
        settings = self.settings
        device = self._device()
        memory = float(device["memory_gib"])
        budget = self._budget_gib(memory, str(device["name"]))
        free = self._free_gib(memory)
        warn_of_little_memory(free, budget, str(device["name"]))
        # A device that lets in one process at a time has no room for those that wait.
        is_shared = not device.get("is_exclusive", False)
        self.room_gib = ROOM_SHARE * max(0.0, free - budget) if is_shared else 0.0
        return Conditions(
            size=settings.size,
            precision=settings.precision,
            device=settings.device,
            device_name=str(device["name"]),
            threads=self._threads(),
            allocator=self._allocator(),
            dropout=settings.dropout,
            memory_budget_gib=budget,
            max_batch_size=settings.max_batch_size,
            seed=settings.seed,
            **self._choices_of_cuda(device),
        )

    def _free_gib(self, memory: float) -> float:
        """Return what others leave of the device's memory, in GiB; a plan alone asks no GPU."""
        if self.batches is None or self.settings.device == "cpu":
            return memory
        free: float = self.children.ask("profiling.measuring.tasks:free_cuda_gib", None)
        return free

    def _budget_gib(self, memory: float, name: str) -> float:
        """Return what a measurement may take of the memory of a device, in GiB."""
        budget = self.settings.memory_budget_gib or default_budget_gib(memory)
        if budget > memory:
            where = "this machine" if self.settings.device == "cpu" else name
            raise SettingsError(
                f"`memory_budget_gib` must be at most {memory:.1f} on {where}, got {budget}"
            )
        return budget

    def _choices_of_cuda(self, device: dict[str, Any]) -> dict[str, Any]:
        """Return what only a CUDA device has: what is chosen of its kernels, and its libraries."""
        if self.settings.device != "cuda":
            return {}
        chosen = {name: getattr(self.settings, name) for name in OF_CUDA}
        return chosen | {name: device.get(name) for name in CUDA_VERSIONS}

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
        found: str = self.children.ask(
            "profiling.measuring.steps.surroundings:find_allocator", None
        )
        if found != self.settings.allocator:
            print(NOT_KEPT, file=sys.stderr)
        return found

    def _device(self) -> dict[str, Any]:
        """Return name and memory of the device; of a GPU that is here, more."""
        if self.assumed is not None:
            return {"name": self.assumed.name, "memory_gib": self.assumed.memory_gib}
        if self.settings.device == "cuda":
            described: dict[str, Any] = self.children.ask(
                "profiling.measuring.tasks:describe_cuda", None
            )
            return described
        check_what_is_told(self.settings)
        return {"name": cpu_name(), "memory_gib": memory_gib()}

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
            refined_by=self._variants(modality) if chosen.refine else (),
        )
        facts = self.children.ask("profiling.measuring.real_batches:prepare_data", task)
        skipped = facts.pop("skipped")
        warn_of_skipped(skipped)
        self.distributions.append(facts.pop("distribution") | {"skipped": len(skipped)})
        return DataFacts(**facts)

    def _variants(self, modality: str) -> tuple[str, ...]:
        return tuple(variant.name for variant in self.settings.variants_of(modality))
