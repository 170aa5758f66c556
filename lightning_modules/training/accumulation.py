"""Says before training what accumulated batches will come to."""

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from lightning_modules.counted import counted


class AccumulationWarning(Callback):
    """Warns where an epoch has fewer batches than one step is to accumulate.

    Lightning ends a step with its epoch: gradients of fewer batches are then a step.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the two."""
        wanted, found = trainer.accumulate_grad_batches, trainer.num_training_batches
        if wanted > found:
            rank_zero_warn(
                f"`accumulate_grad_batches` {wanted} is more than the "
                f"{counted(int(found), 'batch', 'batches')} of an epoch: "
                f"a step accumulates {found}"
            )
