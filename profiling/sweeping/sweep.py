"""Measure every point of a sweep, each visit in fresh children."""

import time
from dataclasses import asdict
from typing import Any

from profiling.children.crew import Children
from profiling.planning.schedule import MEMORY_VISITS, Visit
from profiling.planning.settings import SweepSettings
from profiling.planning.visit_row import row_of
from profiling.rows.columns import Row
from profiling.rows.current import name_state
from profiling.rows.machine import describe_machine
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping.plan import Plan
from profiling.sweeping.preparation import Preparation
from profiling.sweeping.progress import Progress
from profiling.sweeping.sentinel import Sentinel, choose_sentinel

SPEED, MEMORY = (
    "profiling.measuring.tasks:measure_speed",
    "profiling.measuring.tasks:measure_memory",
)
# Of a visit that neighbours disturb; with a time budget another attempt may take so much of what
# is left of it.
ATTEMPTS = 3
RETRY_SHARE = 0.02


class Sweep:
    """A sweep into a run directory; run again, it measures what is missing."""

    def __init__(
        self, settings: SweepSettings, run: RunDirectory, shard: tuple[int, int] = (1, 1)
    ) -> None:
        """Measure `settings` into `run`; `shard` is (part, parts), counted from 1."""
        self.settings = settings
        self.run = run
        self.shard = shard
        self.children = Children()
        self.preparation = Preparation(settings, self.children, run.path / "batches")

    def measure(self) -> bool:
        """Fill the holes of the run directory; return whether anything in it has changed.

        Raises:
            SettingsError: A setting that only a child can check is wrong.
        """
        with self.run.turn():  # reading data takes as much of a machine as measuring does
            plan = self.preparation.plan(self.shard)
        sentinel = self._sentinel()
        changed = self._write_manifest(plan)
        measured = False
        with Progress() as progress:
            for visit in plan.missing(self.run.rows):
                with self.run.turn():
                    self.run.learn()
                    if self.run.has(visit.point.key, visit.number):
                        continue  # while this one waited, a shard of another plan measured it
                    measured = measured or self._begin()
                    sentinel.before(visit)
                    left = plan.seconds_left(self.run.rows)
                    done = plan.num_done(self.run.rows)
                    progress.begin(visit.point.describe(), done, plan.num_visits, left)
                    row = self._measure(visit, left)
                self.run.append(row)
                sentinel.after(row)
                progress.report(visit.point.describe(), row)
        sentinel.finish()
        return changed or measured

    def _sentinel(self) -> Sentinel:
        """Return the sentinel of the whole sweep: the same one for each of its shards."""
        point = choose_sentinel(self.preparation.every_point)
        timeout_s = self.settings.point_timeout_s
        return Sentinel(point, self.run, self.children, self.shard, timeout_s)

    def _measure(self, visit: Visit, seconds_left: float | None) -> Row:
        """Measure a visit; one that neighbours disturbed again, while there is time for it.

        The row is the last attempt's, its `seconds` those of them all.
        """
        row = row_of(visit)
        if visit.point.skip_reason:
            return row | {"status": "skipped", "error": visit.point.skip_reason, "seconds": 0.0}
        began = time.monotonic()
        for attempts in range(1, ATTEMPTS + 1):
            row = row_of(visit) | self._attempt(visit)
            again_s = (time.monotonic() - began) / attempts
            limited = self.settings.time_budget_s is not None
            if not row["disturbed"] or (limited and again_s > RETRY_SHARE * (seconds_left or 0.0)):
                break
        return row | {"seconds": round(time.monotonic() - began, 3)}

    def _attempt(self, visit: Visit) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for function in _functions_of(visit):
            outcome = self.children.call(function, visit.point, self.settings.point_timeout_s)
            found |= outcome.value
            if outcome.kind != "ok":
                found |= {"status": outcome.kind, "error": outcome.message}
                break
        if found.get("throughput_samples_per_s") is not None:
            tokens = found["sequence_length"]
            found["throughput_tokens_per_s"] = found["throughput_samples_per_s"] * tokens
        return found

    def _begin(self) -> bool:
        """Get ready for the first visit: let the imports end, so that no visit pays for them."""
        self.children.ask("os:getpid", None)
        machine = describe_machine()

        def add(manifest: dict[str, Any]) -> dict[str, Any]:
            earlier = [*manifest.get("earlier", []), manifest.get("machine")]
            return manifest | {"machine": machine, "earlier": [m for m in earlier if m]}

        self.run.change_manifest(add)
        return True

    def _write_manifest(self, plan: Plan) -> bool:
        """Say what the rows are to be read with; return whether that is new."""
        states = {point.modality: name_state(point.columns) for point in plan.first_points()}

        def merge(manifest: dict[str, Any]) -> dict[str, Any]:
            others = [s for s in manifest.get("shards", []) if s[1:] == [self.shard[1]]]
            return manifest | {
                "config": asdict(self.settings),
                "seed": self.settings.seed,
                "shards": sorted(others + [list(self.shard)] * (list(self.shard) not in others)),
                # A shard need not have points of every modality.
                "states": manifest.get("states", {}) | states,
                "length_distributions": self.preparation.distributions,
            }

        return self.run.change_manifest(merge)


def _functions_of(visit: Visit) -> list[str]:
    """Return what to do in children of their own: memory is never measured beside speed."""
    metrics = visit.point.metrics
    speed = [SPEED] if {"latency", "throughput"} & set(metrics) else []
    often_enough = speed and visit.number >= MEMORY_VISITS
    memory = [MEMORY] if "memory" in metrics and not often_enough else []
    return speed + memory
