"""Run the epochs of one data set: every contender in its child, all of them in turns."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from benchmarks.answers.epoch_runs.anchors import as_of_now, drift_of
from benchmarks.answers.epoch_runs.planning import Amount, Epoch, foresee, plan_part
from benchmarks.answers.epoch_runs.results import label, result_of
from benchmarks.answers.epoch_runs.tasks import task_of
from datamodules.lengths import LengthDistribution
from profiling.advising.advice import find_advice
from profiling.advising.answer import name_of
from profiling.advising.candidates import find_candidates
from profiling.advising.contenders import Wanted, measure
from profiling.advising.newest import Newest, find_newest
from profiling.analysis.points.groups import Contender
from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.rows.columns import Row

EPOCHS = "benchmarks.answers.epoch_runs.child:run_epochs"
MEMORY = "profiling.measuring.tasks:measure_memory"
TIMEOUT_S = 900.0


@dataclass
class Runner:
    """Runs epochs and keeps what came out.

    Args:
        rows: Of the sweep, the current ones.
        amount: How much of each epoch is run.
        batch_size: Samples of a batch for the objective throughput; 1 leaves it out.
        max_length: Longer samples are cut to it; None cuts none.
        room_gib: Memory that contenders may hold while others are measured.

    Attributes:
        results: As `benchmarks.answers.epoch_runs.judging.Result` describes them.
        left_out: What was not run, and why, a sentence each.
        anchors: Of each data set and phase, by contender, what steps of the sweep took now over
            what they took then, the geometric mean.
        others_cpu_share: The most of the CPU that other processes took from one contender, 0 to 1.
    """

    rows: Sequence[Row]
    amount: Amount
    batch_size: int
    max_length: int | None
    room_gib: float
    results: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    anchors: dict[str, dict[str, float]] = field(default_factory=dict)
    others_cpu_share: float = 0.0
    children: Children = field(default_factory=Children)
    _advice: dict[tuple[str, Wanted], dict[str, Any]] = field(default_factory=dict)

    def run(self, distribution: LengthDistribution, phase: str) -> None:
        """Run everything of one data set and phase.

        Raises:
            SettingsError: The sweep measured nothing of it.
        """
        newest = find_newest(self.rows, distribution.modality, phase)
        if newest is None:
            raise SettingsError(
                f"`lengths` must be of what the run measured, got {distribution.modality} in "
                f"{phase}"
            )
        wanted = [Wanted("latency", phase, 1, self.max_length, self.budget_gib)]
        if self.batch_size > 1:
            wanted.append(replace(wanted[0], objective="throughput", batch_size=self.batch_size))
        epochs = [one for each in wanted for one in self._plan(each, newest, distribution)]
        self._run_in_turns(distribution, newest, epochs)
        memory = replace(wanted[0], objective="memory")
        self._run_memory(distribution, newest, self._plan(memory, newest, distribution))

    @property
    def budget_gib(self) -> float | None:
        """Memory budget of the sweep; None where it measured no memory to hold against it."""
        known = any(row.get("peak_memory_mib") for row in self.rows)
        return min(row["memory_budget_gib"] for row in self.rows) if known else None

    def _plan(
        self,
        wanted: Wanted,
        newest: Newest,
        distribution: LengthDistribution,
    ) -> list[Epoch]:
        """Plan an epoch of each contender that has a model, under each policy that it can run."""
        measured = measure(newest, wanted)
        self._leave_out(wanted, [f"{m.contender.label}: {m.reason}" for m in measured if m.reason])
        planned = []
        for candidate in find_candidates(measured, distribution, wanted):
            name = f"{distribution.name}, {label(name_of(candidate))}"
            self._leave_out(wanted, [f"{name}: {why}" for why in candidate.problems])
            if not candidate.problems:
                planned.append(plan_part(candidate, distribution, wanted, self.amount))
        return planned

    def _leave_out(self, wanted: Wanted, reasons: Sequence[str]) -> None:
        told = [f"{wanted.phase}, {wanted.objective}, {reason}" for reason in reasons]
        self.left_out += [each for each in told if each not in self.left_out]

    def _run_in_turns(
        self,
        distribution: LengthDistribution,
        newest: Newest,
        epochs: Sequence[Epoch],
    ) -> None:
        mine = {
            contender: [each for each in epochs if each.candidate.measured.contender == contender]
            for contender in newest.contenders
        }
        tasks = {
            contender: task_of(contender, newest, planned, self.amount)
            for contender, planned in mine.items()
            if planned
        }
        phase = newest.group.phase
        calls = [(EPOCHS, task) for task in tasks.values()]
        foreseen_s = sum(map(self._foreseen_s, epochs))
        print(f"{distribution.name}, {phase}: about {foreseen_s:.0f} s of steps", file=sys.stderr)
        outcomes = self.children.call_in_turns(calls, TIMEOUT_S, self.room_gib)
        told = f"{distribution.name}, {phase}"
        self.anchors[told] = {}
        for (contender, task), outcome in zip(tasks.items(), outcomes, strict=True):
            if outcome.kind != "ok":
                self.left_out.append(f"{phase}, {contender.label}: {outcome.message}")
                continue
            others = outcome.value["others_cpu_share"] or 0.0  # unknown where nothing tells
            self.others_cpu_share = max(self.others_cpu_share, others)
            drift = drift_of(task.anchors, outcome.value["anchors"])
            self.anchors[told][contender.label] = math.exp(fmean(map(math.log, drift.values())))
            points = as_of_now(newest.contenders[contender], drift)
            now = replace(newest, contenders={contender: points})
            for epoch, seconds in zip(mine[contender], outcome.value["seconds"], strict=True):
                cost = 1e3 * sum(seconds) / sum(len(step.lengths) for step in epoch.steps)
                foreseen = _foresee_now(epoch, now)
                self._keep(distribution, epoch, cost, foreseen)

    def _foreseen_s(self, epoch: Epoch) -> float:
        samples = sum(len(step.lengths) for step in epoch.steps)
        readings = max(1.0, self.amount.rounds / len(epoch.steps))
        return epoch.predicted * samples * readings / 1e3

    def _run_memory(
        self,
        distribution: LengthDistribution,
        newest: Newest,
        epochs: Sequence[Epoch],
    ) -> None:
        """Measure the largest step at batch size 1, whose length is the same under all policies."""
        peaks: dict[Contender, float] = {}
        for epoch in epochs:
            contender = epoch.candidate.measured.contender
            if epoch.candidate.measured.memory is None:
                continue
            if contender not in peaks:
                task = task_of(contender, newest, [epoch], self.amount)
                longest = min(distribution.values[-1], self.max_length or distribution.values[-1])
                point = replace(task.point, length=max(longest, task.point.length))
                found = self.children.call(MEMORY, point, TIMEOUT_S)
                peaks[contender] = (found.value or {}).get("peak_memory_mib") or 0.0
            if peaks[contender]:
                self._keep(distribution, epoch, peaks[contender], None)

    def _advise(self, distribution: LengthDistribution, wanted: Wanted) -> dict[str, Any]:
        """Ask once for each question: an advice takes a second."""
        asked = distribution.name, wanted
        if asked not in self._advice:
            self._advice[asked] = find_advice(self.rows, distribution, wanted).answer
        return self._advice[asked]

    def _keep(
        self, distribution: LengthDistribution, epoch: Epoch, measured: float, now: float | None
    ) -> None:
        advice = self._advise(distribution, epoch.wanted)
        self.results.append(result_of(distribution, epoch, measured, now, advice))


def _foresee_now(epoch: Epoch, now: Newest) -> float:
    """Foresee the steps of an epoch by what the sweep's own steps take now."""
    (measured,) = measure(now, epoch.wanted)
    return foresee(epoch, measured)
