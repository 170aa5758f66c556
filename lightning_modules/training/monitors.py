"""Says which monitor nobody logs: before training, after its first step or its first epoch."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

OF_VALIDATION = "val_"
# What Lightning gives to whoever monitors, beside what a module logs.
ALWAYS_THERE = ("epoch", "step")


class MonitorWarning(Callback):
    """Warns as early as it can be known of a figure that is monitored and that nobody logs.

    Lightning finds out after the first epoch, or never: without a validation it just saves nothing.
    A warning and no error: a figure may be left out of the few batches of Lightning's first look,
    because nothing in them can be judged, or be logged at the end of an epoch only.
    """

    def __init__(self) -> None:
        self._validated: set[str] | None = None  # names of Lightning's first look
        self._said: set[str] = set()
        self._has_stepped = False
        self._has_validated = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that a whole validation has logged what it logs."""
        self._has_validated |= not trainer.sanity_checking

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare what is monitored of the validation with what was logged."""
        self._validated = set(trainer.callback_metrics)
        if self._validated:
            self._warn(trainer, self._validated, "the first validation", of_validation=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look for monitors of a validation that never comes."""
        if not trainer.enable_validation:
            self._validated = set()
            self._warn(trainer, set(), "a run without validation", of_validation=True)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Compare the other monitors with what was logged until the first optimiser step."""
        if self._has_stepped or not trainer.global_step:
            return
        self._has_stepped = True
        if self._validated is not None:  # else a validation may log them under any name
            logged = self._validated | _names_in_training(trainer)
            self._warn(trainer, logged, "the first step", of_validation=False)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare after the first epoch."""
        if self._has_stepped:
            self._compare_all(trainer, "the first epoch")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare after a run of one epoch; one that was over when it went on has no figures."""
        if self._has_stepped:
            self._compare_all(trainer, "the training")

    def _compare_all(self, trainer: Trainer, what: str) -> None:
        if trainer.enable_validation and not self._has_validated:
            return  # a run may end before its first one
        logged = set(trainer.callback_metrics) | (self._validated or set())
        for of_validation in (False, True):
            self._warn(trainer, logged, what, of_validation)

    def _warn(self, trainer: Trainer, logged: set[str], what: str, of_validation: bool) -> None:
        for monitor in sorted(_monitors(trainer) - logged - self._said - set(ALWAYS_THERE)):
            if monitor.startswith(OF_VALIDATION) == of_validation:
                self._said.add(monitor)
                choices = ", ".join(sorted(logged)) or "nothing"
                rank_zero_warn(
                    f"`monitor` must be a metric that is logged, got {monitor!r}, which {what} did "
                    f"not log; it logged: {choices}"
                )


def _monitors(trainer: Trainer) -> set[str]:
    """Return what callbacks and schedules of the learning rate follow."""
    followers = (*trainer.callbacks, *trainer.lr_scheduler_configs)  # type: ignore[attr-defined]
    # A schedule has a monitor also where it follows none.
    following = [one for one in followers if getattr(one, "reduce_on_plateau", True)]
    found = {getattr(one, "monitor", None) for one in following}
    return {monitor for monitor in found if isinstance(monitor, str)}


def _names_in_training(trainer: Trainer) -> set[str]:
    """Return what the training logged; also what has a value only at the end of an epoch."""
    results = trainer.fit_loop.epoch_loop._results
    names = {metric.meta.name for metric in results.values()}
    return {name + ending for name in names for ending in ("", "_step", "_epoch")}
