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
from benchmarks.answers.epoch_runs.tasks import memory_point, task_of, validate_run
from datamodules.lengths import LengthDistribution
from profiling.advising.advice import find_advice
from profiling.advising.answer import name_of
from profiling.advising.candidates import find_candidates
from profiling.advising.contenders import Wanted, measure
from profiling.advising.newest import Newest, find_newest
from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.planning.points import Point
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
        budgets_gib: By phase, the memory of a step that was planned with; None for any.
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
    budgets_gib: dict[str, float | None] = field(default_factory=dict)
    others_cpu_share: float = 0.0
    children: Children = field(default_factory=Children)
    _advice: dict[tuple[str, Wanted], dict[str, Any]] = field(default_factory=dict)

    def find(self, modality: str, phase: str) -> Newest:
        """Return what the run measured last of a modality and phase.

        Raises:
            SettingsError: It measured nothing of it, or steps that cannot be made here.
        """
        newest = find_newest(self.rows, modality, phase)
        if newest is None:
            raise SettingsError(
                f"`lengths` must be of what the run measured, got {modality} in {phase}"
            )
        validate_run(newest)
        return newest

    def run(self, distribution: LengthDistribution, phase: str) -> None:
        """Run everything of one data set and phase.

        Raises:
            SettingsError: As `find`.
        """
        newest = self.find(distribution.modality, phase)
        self.budgets_gib[phase] = budget = budget_of(newest)
        wanted = [Wanted("latency", phase, 1, self.max_length, budget)]
        if self.batch_size > 1:
            wanted.append(replace(wanted[0], objective="throughput", batch_size=self.batch_size))
        epochs = [one for each in wanted for one in self._plan(each, newest, distribution)]
        self._run_in_turns(distribution, newest, epochs)
        memory = replace(wanted[0], objective="memory")
        self._run_memory(distribution, newest, self._plan(memory, newest, distribution))

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
        """Measure the largest step of each epoch at batch size 1; once where it is the same."""
        peaks: dict[Point, float | None] = {}
        for epoch in epochs:
            point = memory_point(epoch, newest)
            if point not in peaks:
                found = self.children.call(MEMORY, point, TIMEOUT_S)
                peaks[point] = (found.value or {}).get("peak_memory_mib")
                if not peaks[point]:
                    why = found.message or "no peak of its memory can be read"
                    told = f"{epoch.candidate.measured.contender.label} at {point.length:,}: {why}"
                    self._leave_out(epoch.wanted, [told])
            if peak := peaks[point]:
                self._keep(distribution, epoch, peak, None)

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


def budget_of(newest: Newest) -> float | None:
    """Return the memory that the run had, in GiB; None where no peak can be held against it."""
    measured = measure(newest, Wanted("latency", newest.group.phase))
    is_known = any(each.model and each.memory for each in measured)
    return newest.budget_gib if is_known else None


def _foresee_now(epoch: Epoch, now: Newest) -> float:
    """Foresee the steps of an epoch by what the sweep's own steps take now."""
    (measured,) = measure(now, epoch.wanted)
    return foresee(epoch, measured)
