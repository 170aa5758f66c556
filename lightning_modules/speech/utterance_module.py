"""What modules share whose loss is the mean over utterances."""

from typing import Any

import lightning
import torch
from torch import Tensor

from lightning_modules.errors import ModelError
from lightning_modules.training.step_totals import (
    WindowTotals,
    check_finite,
    gradient_norm,
    rescale_gradients,
)

COUNTS = ("loss", "utterances")
# What the data tell modules of other kinds; LightningCLI would save it as a setting of ours.
TOLD_TO_OTHERS = ("num_classes",)


class UtteranceModule(lightning.LightningModule):
    """Trains on the mean loss over the utterances of all accumulated batches and processes."""

    modality = "speech"

    def __init__(self) -> None:
        super().__init__()
        self.head_is_random = False  # where it is, `python train.py test` needs a `ckpt_path`
        self.totals = WindowTotals(COUNTS)
        self.eval_totals = WindowTotals(COUNTS)

    def setup(self, stage: str) -> None:
        """Count the head as trained from here on."""
        if stage == "fit":
            self.head_is_random = False

    def losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, Any]:
        """Return the loss of every utterance, (batch,), and what `count` is to see."""
        raise NotImplementedError

    def count(self, batch: dict[str, Tensor], output: Any) -> None:
        """Count what is right in one batch of an evaluation."""
        raise NotImplementedError

    def log_counts(self, stage: str) -> None:
        """Log what was counted as `<stage>_...`, and count anew."""
        raise NotImplementedError

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss summed over utterances; its gradients are divided later."""
        losses, _ = self.losses(batch)
        self._add(self.totals, losses)
        return losses.sum()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide by the utterances of all processes and accumulated batches, and log.

        Raises:
            ModelError: The loss or the gradients are not finite.
        """
        sums = self.totals.reduce(self)
        rescale_gradients(self, sums["utterances"])
        check_finite(self, sums["loss"], gradient_norm(self))
        self._log_loss("train", sums)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Evaluate one batch."""
        self._evaluate(batch)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Evaluate one batch."""
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss` and what was counted."""
        self._log_loss("val", self.eval_totals.reduce(self))
        self.log_counts("val")

    def on_test_epoch_end(self) -> None:
        """Log `test_loss` and what was counted."""
        self._log_loss("test", self.eval_totals.reduce(self))
        self.log_counts("test")

    def _evaluate(self, batch: dict[str, Tensor]) -> None:
        if not batch:  # other processes still have one
            self._add(self.eval_totals, torch.zeros(0, device=self.device))
            return
        losses, output = self.losses(batch)
        self._add(self.eval_totals, losses)
        self.count(batch, output)

    def _add(self, totals: WindowTotals, losses: Tensor) -> None:
        count = torch.tensor(len(losses), device=losses.device)
        totals.add(loss=losses.detach().sum(), utterances=count)

    def _log_loss(self, stage: str, sums: dict[str, Tensor]) -> None:
        """Log a ratio of sums that are already those of all processes."""
        mean = sums["loss"] / sums["utterances"].clamp(min=1)
        self.log(f"{stage}_loss", mean.float(), prog_bar=True)


def frame_lengths(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Return how many frames of every utterance are no padding, (batch,) int64.

    Args:
        model: A HuBERT of any class.
        batch: `input_values` (batch, samples), and `attention_mask` where something is padded.
    """
    samples, padding = batch["input_values"], batch.get("attention_mask")
    if padding is None:
        lengths = torch.full((len(samples),), samples.shape[1], device=samples.device)
    else:
        lengths = padding.sum(-1)
    reduced: Tensor = model._get_feat_extract_output_lengths(lengths)
    return reduced.long()


def hidden_frames(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Return the batch's `mask_time_indices`, or that nothing is hidden, (batch, frames) bool.

    Given none, the library draws a mask of its own in training, also over padding.
    """
    hidden = batch.get("mask_time_indices")
    if hidden is None:
        samples = batch["input_values"]
        num_frames = int(model._get_feat_extract_output_lengths(samples.shape[1]))
        hidden = samples.new_zeros((len(samples), num_frames), dtype=torch.bool)
    return hidden


def validate_masking(config: Any) -> None:
    """Raise ModelError where the library would ignore the masks of the data."""
    if not config.apply_spec_augment:
        raise ModelError("`apply_spec_augment` of `model_fields` must be true, got false")
    if config.mask_time_prob <= 0:
        raise ModelError(
            "`mask_time_prob` of `model_fields` must be above zero, got "
            f"{config.mask_time_prob}: how much is hidden, if anything, is a setting of the data"
        )


def real_waveforms(batch: dict[str, Tensor]) -> list[Tensor]:
    """Return every recording of a batch without its padding, (samples,)."""
    waveforms, padding = batch["input_values"], batch.get("attention_mask")
    lengths = [waveforms.shape[1]] * len(waveforms)
    if padding is not None:
        lengths = padding.sum(1).tolist()
    return [waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)]
