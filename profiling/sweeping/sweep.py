"""Measure every point of a sweep, each visit in fresh children."""

from collections.abc import Iterator, Sequence
from typing import Any

from profiling.children.crew import Children
from profiling.planning.settings import SweepSettings
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.rows.current import name_state
from profiling.rows.machine import describe_machine, machines_in
from profiling.rows.reading import read_manifest
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping.company import warn_of_other_code
from profiling.sweeping.frontier_pass import FrontierPass, searches_of_part
from profiling.sweeping.group import measure_group
from profiling.sweeping.manifest import with_left_alone, with_sweep
from profiling.sweeping.plan import Plan
from profiling.sweeping.preparation import Preparation
from profiling.sweeping.progress import Progress
from profiling.sweeping.sentinel import Sentinel, choose_sentinel


class Sweep:
    """A sweep into a run directory; run again, it measures what is missing."""

    def __init__(
        self,
        settings: SweepSettings,
        run: RunDirectory,
        shard: tuple[int, int] = (1, 1),
        has_sentinel: bool = True,
    ) -> None:
        """Measure `settings` into `run`.

        Args:
            settings: What is measured.
            run: Where the rows go.
            shard: Part and parts, counted from 1.
            has_sentinel: Whether the machine is watched through the sweep. That takes readings at
                both ends, which is much of a sweep of a minute.
        """
        self.settings = settings
        self.run = run
        self.shard = shard
        self.children = Children()
        self.preparation = Preparation(settings, self.children, run.path / "batches")
        self._has_begun = False
        self._has_sentinel = has_sentinel

    def measure(self) -> bool:
        """Fill the holes of the run directory; return whether anything in it has changed.

        Raises:
            SettingsError: A setting that only a child can check is wrong.
        """
        with self.run.turn():  # reading data takes as much of a machine as measuring does
            plan = self.preparation.plan(self.shard)
        self.run.begin()
        if self.run.rows:
            machines = machines_in(read_manifest(self.run.path))
            warn_of_other_code(machines, self.shard != (1, 1))
        sentinel = self._sentinel()
        frontier = self._frontier(plan)
        changed = self._write_manifest(plan)
        with Progress() as progress:
            missing = plan.missing(self.run.rows)
            while self._visit_next(plan, missing, sentinel, progress):
                pass
            sentinel.finish()
            changed = self._note_left_alone(plan) or changed
            if frontier.missing():
                self._begin()
                frontier.measure(progress)
        return changed or self._has_begun

    def _visit_next(
        self,
        plan: Plan,
        missing: Iterator[list[Visit]],
        sentinel: Sentinel,
        progress: Progress,
    ) -> bool:
        """Choose what is measured next, and measure it; return whether anything was missing.

        All in one turn: choosing takes as much of a machine as measuring does, and what another
        shard has measured meanwhile is not chosen.
        """
        with self.run.turn():
            self.run.learn()
            group = next(missing, None)
            if group is None:
                return False
            self._begin()
            sentinel.before(group)
            left = plan.seconds_left(self.run.rows)
            progress.begin(group, plan.num_done(self.run.rows), plan.num_visits, left)
            rows = self._measure(group, plan.budget_left(self.run.rows))
            self.run.append(*rows)
        for visit, row in zip(group, rows, strict=True):
            progress.report(visit.point.describe(), row)
        sentinel.after(rows)
        return True

    def _sentinel(self) -> Sentinel:
        """Return the sentinel of the whole sweep: the same one for each of its shards."""
        points = self.preparation.every_point if self._has_sentinel else []
        point = choose_sentinel(points)
        timeout_s = self.settings.point_timeout_s
        return Sentinel(point, self.run, self.children, self.shard, timeout_s)

    def _frontier(self, plan: Plan) -> FrontierPass:
        """Return the searches of this shard; none where the frontier is not asked for."""
        settings = self.settings
        mine = plan.first_points() if settings.frontier else []
        return FrontierPass(
            searches_of_part(self.preparation.every_point, mine),
            self.run,
            self.children,
            settings.point_timeout_s,
            settings.frontier_seconds,
        )

    def _measure(self, group: Sequence[Visit], budget_left_s: float | None) -> list[Row]:
        return measure_group(
            group,
            self.children,
            self.settings.point_timeout_s,
            self.preparation.room_gib,
            budget_left_s,
        )

    def _begin(self) -> None:
        """Get ready for the first visit: let the imports end, so that no visit pays for them."""
        if self._has_begun:
            return
        self._has_begun = True
        self.children.ask("os:getpid", None)
        machine = describe_machine()

        def add(manifest: dict[str, Any]) -> dict[str, Any]:
            earlier = [*manifest.get("earlier", []), manifest.get("machine")]
            return manifest | {"machine": machine, "earlier": [m for m in earlier if m]}

        self.run.change_manifest(add)

    def _note_left_alone(self, plan: Plan) -> bool:
        """Write down for what this shard had no time; return whether that is new."""
        mine = {one.name for one in plan.ranges}
        others = {one.name for one in self.preparation.every_range} - mine
        told = self.settings.modalities, others, plan.left_alone(self.run.rows)
        return self.run.change_manifest(lambda manifest: with_left_alone(manifest, *told))

    def _write_manifest(self, plan: Plan) -> bool:
        """Say what the rows are to be read with; return whether that is new."""
        states = {point.modality: name_state(point.columns) for point in plan.first_points()}
        told = self.settings, self.shard, states, self.preparation.distributions
        return self.run.change_manifest(lambda manifest: with_sweep(manifest, *told))
