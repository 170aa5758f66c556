"""How every variant learns: its loss, the steps of a training, the optimiser."""

from typing import Any

import lightning
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import Tensor, nn

from lightning_modules.models.settings import ModelSettings
from lightning_modules.widest_float import widened

IGNORED_LABEL = -100  # of what is not to be predicted
ONLY_TRAINING = ("labels", "mask_time_indices")


class TrainingSteps(lightning.LightningModule):
    """The steps of a model whose `forward` takes a batch by name and returns logits."""

    settings: ModelSettings

    def targets(self, batch: dict[str, Tensor]) -> Tensor:
        """Return what is to be predicted, int64, of the shape of the logits without the classes.

        Args:
            batch: With `labels`.

        Returns:
            The labels, -100 where nothing is to be predicted.
        """
        return batch["labels"]

    def loss(self, logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Average over what is to be predicted in one batch, ().

        Args:
            logits: What `forward` made of the batch, (..., classes).
            batch: What `targets` takes.
        """
        return mean_cross_entropy(logits, self.targets(batch))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Compute and log `train_loss`, (), of this process's share: nothing waits for others."""
        logits = self(**batch)
        loss = self.loss(logits, batch)
        self.log("train_loss", loss, batch_size=len(logits), prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log `val_loss`, over what is to be predicted in all batches of all processes."""
        self._log_evaluated("val_loss", batch)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log `test_loss`, over what is to be predicted in all batches of all processes."""
        self._log_evaluated("test_loss", batch)

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the logits of a batch as `forward` does; what only training needs is ignored."""
        logits: Tensor = self(**self.inputs_of_prediction(batch))
        return logits

    def inputs_of_prediction(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what a prediction gives to `forward`, of a batch that training could take."""
        return {name: values for name, values in batch.items() if name not in ONLY_TRAINING}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build an AdamW over the parameters that train, fused where Lightning allows it."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        trainer = self._trainer
        # Lightning refuses to clip what a fused optimiser would itself unscale.
        clips_scaled = (
            trainer is not None
            and bool(trainer.gradient_clip_val)
            and isinstance(trainer.precision_plugin, MixedPrecision)
        )
        return torch.optim.AdamW(parameters, lr=self.settings.lr, fused=not clips_scaled)

    def _log_evaluated(self, name: str, batch: dict[str, Tensor]) -> None:
        loss = self.loss(self(**batch), batch)
        # Lightning's mean over batches and processes weighs with it. It is no integer: the mean of
        # integers over processes would be cut to one.
        weight: Any = widened((self.targets(batch) != IGNORED_LABEL).sum())
        self.log(name, loss, batch_size=weight, prog_bar=True, sync_dist=True)


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Average the cross entropy in float32 over labels other than -100; zero when there is none.

    Args:
        logits: (..., classes).
        labels: (...) int64.
    """
    total = nn.functional.cross_entropy(
        logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum"
    )
    return total / (labels != IGNORED_LABEL).sum().clamp(min=1)
