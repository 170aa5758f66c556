"""Which steps of a run are broken down into components, and what came of them."""

from lightning import LightningModule
from torch import Tensor

from profiling.instruments.batch_shapes import BatchShape
from profiling.instruments.components.breakdown import Breakdown
from profiling.instruments.components.broken_steps import BrokenStep, say_what_attention_takes
from profiling.instruments.going_on import GoingOn

# Left alone, broken, broken, left alone: whatever comes back every second step hits both alike.
BROKEN_OF_FOUR = (1, 2)


class Breaking:
    """Breaks every second of the chosen steps down, as long as that goes well.

    Args:
        wanted: Whether anything is to be broken down.
        going_on: Says what fails, and lets the run go on.

    Attributes:
        wanted: As given.
        steps: What was broken down.
        at_work: Whether the step that is under way is broken down.
    """

    def __init__(self, wanted: bool, going_on: GoingOn) -> None:
        self.wanted = wanted
        self.steps: list[BrokenStep] = []
        self.at_work = False
        self._going_on = going_on
        self._breakdown: Breakdown | None = None
        self._phase = ""

    def begin(self, module: LightningModule, phase: str) -> None:
        """Get ready for a run of a phase; what is known of an earlier one is forgotten."""
        self.steps = [step for step in self.steps if step.phase != phase]
        self.at_work = False
        self._phase = phase
        self._breakdown = None
        if self.wanted:
            with self._going_on.without("components"):
                training = phase == "training"
                manual = training and not module.automatic_optimization
                self._breakdown = Breakdown(module, manual, training)

    def decide(self, turn: int | None) -> None:
        """Tell whether the next step is broken down: by its number among the chosen, if it is."""
        chosen = turn is not None and turn % 4 in BROKEN_OF_FOUR
        self.at_work = chosen and self._breakdown is not None

    def hear(self, moment: str) -> None:
        """Take note of a moment of the step."""
        if self.at_work and self._breakdown is not None:
            with self._going_on.without("components"):
                self._breakdown.mark(moment)

    def follow_backward(self, loss: Tensor) -> None:
        """Get ready for a backward pass, which begins now."""
        if self.at_work and self._breakdown is not None:
            with self._going_on.without("components"):
                self._breakdown.follow_backward(loss)

    def keep(
        self, shape: BatchShape, step_kind: str | None, real_tokens: int | None
    ) -> BrokenStep | None:
        """Keep and return the step that is over; the words are those of a `BrokenStep`.

        Returns:
            None where it was not broken down.
        """
        if not self.at_work or self._breakdown is None:
            return None
        with self._going_on.without("components"):
            found = self._breakdown.finish()
            if found is not None:
                step = BrokenStep(self._phase, shape, step_kind, found, real_tokens)
                self.steps.append(step)
                return step
        return None

    def end(self) -> None:
        """End also a step in whose middle the run ended, and say what attention takes."""
        if self._breakdown is not None:
            with self._going_on.without("components"):
                self._breakdown.finish()
                say_what_attention_takes([s for s in self.steps if s.phase == self._phase])
