"""The stretch in which steps are timed, seen from outside: its time, and the memory it kept."""

import gc
import time
from collections.abc import Callable
from typing import Any

import lightning
import torch

from datamodules.counted import counted
from profiling.instruments.allocated import allocated_mib
from profiling.instruments.memory import MIB
from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import Batch

# Fresh pages of so much take a tenth of a millisecond to clear, so that what leaks less hardly
# shows in a number. Nothing that steps of a sound model leave behind comes near it.
MOST_KEPT_MIB_PER_STEP = 1.0
# Between two steps Lightning's loop takes one to three milliseconds, and more on a busy machine.
MOST_UNTIMED_MS_PER_STEP = 20.0
# There a batch is checked, converted and moved to the device, too.
SLOWEST_MOVE_MIB_PER_MS = 1.0


class TimedStretch(lightning.Callback):
    """Looks at clock and memory when the warm-up is over, and after the last step.

    Call `begin` between the warm-up and the first timed step; the Trainer tells when the last step
    is over; then call `check`.
    """

    def __init__(
        self,
        device: str,
        batch: Batch,
        warmed_up: bool,
        when_over: Callable[[], None] = lambda: None,
    ) -> None:
        """Watch steps on a device.

        Args:
            device: "cpu" or "cuda".
            batch: What every step gets.
            warmed_up: Whether a whole step was made before `begin`; without one the state of an
                optimiser would look like a leak, and memory is not looked at.
            when_over: Called once the work of the last step is done, and at once: nothing that
                follows it belongs to the stretch.
        """
        self._device = device
        self._warmed_up = warmed_up
        self._when_over = when_over
        batch_mib = sum(values.nbytes for values in batch.values()) / MIB
        self._most_untimed_ms = MOST_UNTIMED_MS_PER_STEP + batch_mib / SLOWEST_MOVE_MIB_PER_MS
        self._began_s: float | None = None
        self._rested_s = 0.0
        self._seconds: float | None = None
        self._before_mib: float | None = None
        self._kept_mib: float | None = None

    def begin(self) -> None:
        """Begin: all work of the warm-up is done and its garbage gone."""
        self._synchronise()
        self._before_mib = self._in_use_mib()
        self._began_s = time.perf_counter()

    def rested(self, seconds: float) -> None:
        """Do not count so much: between two steps others had their turn."""
        self._rested_s += seconds

    def on_train_end(self, *_: Any) -> None:
        """End with the last training step, before the Trainer moves anything."""
        self._end()

    def on_predict_end(self, *_: Any) -> None:
        """End with the last prediction."""
        self._end()

    def check(self, samples: list[Sample], others_share: float = 0.0) -> None:
        """Compare with the steps that were timed.

        Args:
            samples: Those.
            others_share: Of the time, at most so much went to other processes, 0 to 1: they may
                have run just between two steps.

        Raises:
            RuntimeError: Much of the time is in none of the steps, or each of them left memory
                behind.
        """
        if not samples:
            return
        self._check_time([sample.latency_ms for sample in samples], others_share)
        self._check_memory(len(samples))

    def _check_time(self, latencies_ms: list[float], others_share: float) -> None:
        if self._seconds is None:
            return
        timed = sum(latencies_ms) / len(latencies_ms)
        passed = self._seconds * 1e3 / len(latencies_ms)
        untimed = passed * (1 - others_share) - timed
        if untimed > max(timed, self._most_untimed_ms):
            raise RuntimeError(
                f"the timer does not wait: a step took {timed:.1f} ms by its clock, and "
                f"{untimed:.1f} ms more went by for each of them"
            )

    def _check_memory(self, num_steps: int) -> None:
        if self._before_mib is None or self._kept_mib is None:
            return
        growth = (self._kept_mib - self._before_mib) / num_steps
        if growth > MOST_KEPT_MIB_PER_STEP:
            raise RuntimeError(
                f"the model leaks: each of {counted(num_steps, 'step')} left {growth:.1f} MiB "
                f"behind, more than {MOST_KEPT_MIB_PER_STEP:g} MiB"
            )

    def _end(self) -> None:
        if self._began_s is None:
            return
        self._synchronise()
        self._seconds = time.perf_counter() - self._began_s - self._rested_s
        self._when_over()
        self._kept_mib = self._in_use_mib()

    def _in_use_mib(self) -> float | None:
        if not self._warmed_up:
            return None
        gc.collect()
        return allocated_mib(self._device)

    def _synchronise(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()
