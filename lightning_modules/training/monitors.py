"""Says before training which monitor no validation logs."""

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn


class MonitorWarning(Callback):
    """Warns where a callback monitors a figure of the validation that the first one did not log.

    Lightning finds out after the first epoch. A warning and no error: a figure may be left out of
    the few batches of Lightning's first look, because nothing in them can be judged.
    """

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare what is monitored with what was logged."""
        logged = sorted(name for name in trainer.callback_metrics if name.startswith("val_"))
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            monitor = getattr(callback, "monitor", None)
            if logged and monitor and monitor.startswith("val_") and monitor not in logged:
                rank_zero_warn(
                    f"`monitor` must be a metric that is logged, got {monitor!r}, which the first "
                    f"validation did not log; it logged: {', '.join(logged)}"
                )
