"""The peak of the first training step, in which the optimiser's state appears."""

from typing import Any

import lightning

from profiling.instruments.memory import PeakMemory, library_mib
from profiling.measuring.paths.graphing import held_by_recordings_mib

# More pages of libraries than that, read in during the step, and its peak is not known.
MOST_READ_IN_MIB = 1.0


class FirstStep(lightning.Callback):
    """Reads the peak of the first training step of a run, from its batch to its end.

    On a CPU the kernel's high-water mark counts pages of libraries, too. Those that are resident
    at the end are taken off; what of them was read in after the peak makes it too low. So the
    peak is null where more than `MOST_READ_IN_MIB` were read in during the step: rehearse first.

    Attributes:
        peak_mib: MiB above what was there when `memory` began; None before the step, in a
            prediction, and where it is not known.
    """

    def __init__(self, memory: PeakMemory) -> None:
        """Read from `memory`."""
        self.peak_mib: float | None = None
        self._memory = memory
        self._library_mib = 0.0

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin a new peak."""
        if batch_idx == 0:
            self._library_mib = library_mib(self._memory.device)
            self._memory.reset()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Read it."""
        if batch_idx == 0:
            peak = self._memory.read() + held_by_recordings_mib(pl_module)
            read_in = library_mib(self._memory.device) - self._library_mib
            self.peak_mib = peak if read_in <= MOST_READ_IN_MIB else None
