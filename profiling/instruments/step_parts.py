"""The moments of a Trainer's steps: which stretch is which part, and what became of the step."""

from collections.abc import Callable
from functools import partial
from typing import Any

from lightning import LightningModule, Trainer
from torch.optim import Optimizer

from profiling.instruments.clock import StepClock
from profiling.instruments.listening import listen

PREDICTION = {("begin", "end"): "forward"}
# The closure may run several times in a step (LBFGS); what then lies between two of its runs is
# the optimiser's own work.
AUTOMATIC = {
    ("begin", "end"): "forward",
    ("end", "backward_begin"): "forward",
    ("begin", "backward_begin"): "forward",
    ("backward_begin", "backward_end"): "backward",
    ("backward_end", "begin"): "optimizer",
    ("backward_end", "stepped"): "optimizer",
    ("end", "stepped"): "optimizer",
}
# What the user does between these moments nobody can tell, so the forward pass is not among them.
MANUAL = {
    ("backward_begin", "backward_end"): "backward",
    ("stepping", "stepped"): "optimizer",
}


class StepParts:
    """Follows every step of one run, and times those that are measured.

    It listens to the Trainer's strategy, which calls the module's step, and to the optimisers;
    the module itself is left as it is.
    """

    def __init__(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        step: str,
        heard: Callable[[str], None] = lambda moment: None,
    ) -> None:
        """Begin to listen.

        Args:
            trainer: Runs the module.
            pl_module: Where it is, and whether it optimises by hand.
            step: "training_step" or "predict_step".
            heard: Called with every moment of every step, measured or not.
        """
        self._heard = heard
        self._manual = step == "training_step" and not pl_module.automatic_optimization
        predicting = step == "predict_step"
        parts = PREDICTION if predicting else MANUAL if self._manual else AUTOMATIC
        self.clock = StepClock(pl_module.device, parts)
        self._ends_at = "end" if predicting or self._manual else "stepped"
        self._training = not predicting
        # An optimiser that a module keeps to itself nobody hears: its steps do not end groups.
        self._hears_nobody = self._manual and not _has_optimizer(trainer, pl_module)
        self._measuring = False
        self._ever_backward = False
        self._seen: set[str] = set()
        self._found_inf: list[Any] = []
        self._stops: list[Callable[[], None]] = [listen(trainer.strategy, step, self._at_step)]
        if not predicting:
            self._listen_to_optimizers(trainer)

    def close(self) -> None:
        """Stop listening."""
        for stop in self._stops:
            stop()
        self._stops = []

    def decide(self, measuring: bool) -> None:
        """Begin the next step, which is measured or not."""
        self._measuring = measuring
        self._seen = set()
        self._found_inf = []
        self.clock.reset()

    def mark(self, moment: str) -> None:
        """Take note of a moment of the step."""
        self._heard(moment)
        self._seen.add(moment)
        self._ever_backward |= moment == "backward_end"
        self._hears_nobody &= moment != "stepped"
        if not self._measuring or (not self.clock.started and moment != "begin"):
            return
        if moment == "stepping" and not self._manual:  # the closure is still to run in it
            return
        self.clock.mark(moment)
        if moment == self._ends_at:
            self.clock.stop()

    def note_attempt(self) -> None:
        """Take note that an optimiser is about to step; a scaler of gradients may skip it."""
        self._seen.add("attempted")

    @property
    def ended_group(self) -> bool:
        """Whether the step ended with an optimiser's, or would have: accumulated ones do not.

        Where the Trainer has no optimiser of the module, every step is a group of its own.
        """
        return not self._training or self._hears_nobody or self._ended_by_optimizer

    @property
    def _ended_by_optimizer(self) -> bool:
        return bool(self._seen & {"stepped", "attempted"})

    def finish(self) -> None:
        """End the step."""
        if self.clock.started:
            self.clock.stop_at_last_mark()

    def find_kind(self) -> str | None:
        """Return what became of the step that is over: see `Sample.step_kind`.

        It may wait for the device: ask only after a step that counts.
        """
        return self._kind_of_training() if self._training else None

    def _kind_of_training(self) -> str | None:
        went_back = "backward_end" in self._seen
        # By hand, a backward pass may go past Lightning: then nobody knows whether there was one.
        hidden = self._manual and not self._ever_backward
        stepped = "stepped" in self._seen and not self._stepped_for_nothing()
        if stepped and (went_back or self._manual):
            return "stepped"
        if self._hears_nobody:
            return None
        if went_back and not self._ended_by_optimizer:
            return "accumulated"
        return None if hidden and not self._ended_by_optimizer else "skipped"

    def _stepped_for_nothing(self) -> bool:
        """Tell whether all steps were of fused optimisers, with gradients that a scaler refused."""
        found = self._found_inf
        return bool(found) and all(one is not None and bool(one) for one in found)

    def _at_step(self, moment: str, _: tuple[Any, ...]) -> None:
        self.mark(moment)

    def _listen_to_optimizers(self, trainer: Trainer) -> None:
        others: list[Any] = []
        for optimizer in trainer.optimizers:
            if isinstance(optimizer, Optimizer):
                begin = optimizer.register_step_pre_hook(partial(self._at_hook, "stepping"))
                end = optimizer.register_step_post_hook(partial(self._at_hook, "stepped"))
                self._stops += [begin.remove, end.remove]
            else:
                others.append(optimizer)
        if others:  # of Lightning's protocol `Optimizable`, which has no hooks
            hear = partial(self._at_optimizer_step, others)
            self._stops.append(listen(trainer.strategy, "optimizer_step", hear))

    def _at_hook(self, moment: str, optimizer: Optimizer, *_: Any) -> None:
        if moment == "stepped":
            # A scaler calls a fused optimiser also with gradients that are not finite, and tells
            # it so while it steps: it then changes nothing. Others it does not call.
            self._found_inf.append(getattr(optimizer, "found_inf", None))
        self.mark(moment)

    def _at_optimizer_step(self, heard: list[Any], moment: str, args: tuple[Any, ...]) -> None:
        if any(optimizer is args[0] for optimizer in heard if args):
            self.mark({"begin": "stepping", "end": "stepped"}[moment])


def _has_optimizer(trainer: Trainer, pl_module: LightningModule) -> bool:
    """Tell whether a weight of the module is in an optimiser of the Trainer.

    Lightning makes one without any where `configure_optimizers` returns none.
    """
    groups = (group for optimizer in trainer.optimizers for group in optimizer.param_groups)
    held = {id(weight) for group in groups for weight in group["params"]}
    return any(id(weight) in held for weight in pl_module.parameters())
