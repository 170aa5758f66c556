"""The process around the steps that are timed: pages at hand, an eye on whatever disturbs them."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import lightning

from lightning_modules.allocator import keep_freed_memory
from lightning_modules.models.base import VariantModule
from profiling.instruments.components.broken_steps import BrokenStep
from profiling.instruments.device_watch import DeviceWatch
from profiling.instruments.frequency import mean_mhz
from profiling.instruments.memory import PeakMemory
from profiling.instruments.neighbours import DISTURBED_FROM, Neighbours
from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.steps.headroom import Headroom
from profiling.measuring.steps.pace import Opening
from profiling.measuring.steps.stretch import TimedStretch
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.measuring.steps.turn import HandOver, Turn
from profiling.planning.points import Point
from profiling.planning.requests import WARM_UP_S, Effort
from profiling.rows.own_process import usable_cores

Rested = Callable[[float], None]
"""Called with the seconds for which this process rested, before anything is watched again."""


def find_allocator() -> str:
    """Return what `allocator` can be on this machine, in a process made for the question."""
    return "kept" if keep_freed_memory() else "system"


class Surroundings:
    """Times steps under the allocator of a point; notes the clock, and what neighbours took.

    Make it before the model, and before the memory of the process is limited.

    Args:
        point: What is measured.
        hand_over: Lets the processes have their turn that this one is compared with.

    Raises:
        RuntimeError: The process was to keep freed memory, and does not.
    """

    def __init__(self, point: Point, hand_over: HandOver | None = None) -> None:
        """Set the allocator."""
        keeps = point.conditions.allocator == "kept" and point.conditions.device == "cpu"
        if keeps and not keep_freed_memory():
            raise RuntimeError("freed memory does not stay with this process: `allocator` kept")
        self._headroom = Headroom() if keeps else None
        self._neighbours = Neighbours()
        self._watch = DeviceWatch(point.conditions.device)
        self._turn = Turn(hand_over, point.conditions.device)
        self._mhz: list[float] = []
        self._warm_up_s = WARM_UP_S.get(point.conditions.device, 0.0)

    def time_steps(  # noqa: PLR0913 - as `run_steps`
        self,
        module: VariantModule,
        point: Point,
        batch: Batch,
        effort: Effort,
        checks: Sequence[lightning.Callback] = (),
        broken: list[BrokenStep] | None = None,
        opening: Opening | None = None,
        memory: PeakMemory | None = None,
    ) -> list[Sample]:
        """Run predictions or training steps on one batch; return the measured ones.

        Before the first of these and then after every turn others have theirs. Where there is a
        list for them, every second step is broken down into components instead. An `opening` is
        made before them, and may decide that there will be none. The samples have the peaks of
        `memory`.

        Raises:
            RuntimeError: The clock missed much of the work, or the steps leaked memory.
        """
        warms_up = effort.num_warmup_steps > 0 or opening is not None
        stretch = TimedStretch(point.conditions.device, batch, warms_up, self._end_watches)

        def before_step(number: int) -> None:
            goes_on: Rested = stretch.rested if number else lambda _: stretch.begin()
            self.before_step(number, effort.seconds_per_measurement, goes_on)

        samples = run_steps(
            module,
            point,
            batch,
            effort,
            # First: what others do after the last step, and give back, is no part of the stretch.
            [stretch, *checks],
            memory,
            before_step,
            broken,
            opening,
            self._warm_up_s,
        )
        self._warm_up_s = 0.0  # whatever follows in this process finds the device awake
        if broken is None:
            stretch.check(samples, self._share_of_time())
        return samples

    def _end_watches(self) -> None:
        """End with the last step, at once: a core or a device that has nothing to do slows down."""
        self._watch.end()
        mhz = mean_mhz(usable_cores())
        self._neighbours.end()
        if mhz is not None:
            self._mhz.append(mhz)

    def _share_of_time(self) -> float:
        """Return what part of the time others can have run instead, if on one core of ours."""
        share = self._neighbours.share() or 0.0
        return min(1.0, share * len(self._neighbours.cores))

    def fields(self) -> dict[str, Any]:
        """Return what a row says of neighbours and clock, during all that was timed."""
        share = self._neighbours.share()
        disturbed = share is not None and share > DISTURBED_FROM
        mhz = fmean(self._mhz) if self._mhz else None
        return {"others_cpu_share": share, "disturbed": disturbed, "cpu_mhz": mhz}

    def device_fields(self, num_steps: int) -> dict[str, Any]:
        """Return what a row says of the device, during all `num_steps` that were timed."""
        return self._watch.fields(num_steps)

    def let_others(self) -> None:
        """Let others have their turn, where nothing of ours is timed."""
        self._turn.rest()

    def before_step(
        self,
        number: int,
        seconds_per_measurement: float,
        when_rested: Rested = lambda _: None,
    ) -> None:
        """Get ready for the first step that is timed; let others have their turn when it is theirs.

        Args:
            number: Of the step among those that are timed, counted from 0.
            seconds_per_measurement: What all of them shall take together.
            when_rested: Told of the seconds for which others had their turn, none of which counts.
        """
        if number and not self._turn.is_over(seconds_per_measurement):
            return
        if not number and self._headroom is not None:
            self._headroom.make()
        self._neighbours.end()
        if number:
            self._watch.end()
        when_rested(self._turn.rest())
        self._neighbours.begin()
        self._watch.begin()
