"""The peak memory of measured steps, in a training run that must not end for it."""

from lightning import LightningModule

from profiling.instruments.going_on import GoingOn
from profiling.instruments.memory import PeakMemory, supports_peak


class StepMemory:
    """Takes the peak of one step after the other; what fails is said once, then there is none.

    Args:
        given: Peak memory begun before the model was built; None takes the beginning of each run.
        going_on: Says what is left out.
    """

    def __init__(self, given: PeakMemory | None, going_on: GoingOn) -> None:
        self._given = given
        self._memory = given
        self._going_on = going_on

    def begin(self, module: LightningModule) -> None:
        """Begin a run."""
        self._memory = self._given
        if self._memory is None and supports_peak(module.device.type):
            with self._going_on.without("peaks of memory"):
                self._memory = PeakMemory.of_loaded(module)

    def reset(self) -> None:
        """Begin a step."""
        memory, self._memory = self._memory, None
        with self._going_on.without("peaks of memory"):
            if memory is not None:
                memory.reset()
                self._memory = memory  # without a new peak there would be that of earlier work

    def read(self) -> float | None:
        """Return the peak since then, in MiB; None where there is none."""
        with self._going_on.without("peaks of memory"):
            return None if self._memory is None else self._memory.read()
        return None
