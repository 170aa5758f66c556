"""What modules share whose loss is the mean over utterances."""

from typing import Any

import torch
from torch import Tensor

from lightning_modules.errors import ModelError
from lightning_modules.speech.training_module import SpeechTraining
from lightning_modules.training.step_totals import (
    StepTotals,
    check_finite,
    gradient_norm,
    rescale_gradients,
)

COUNTS = ("loss", "utterances", "left_out")


class UtteranceModule(SpeechTraining):
    """Trains on the mean loss over the utterances of all accumulated batches and processes.

    A batch has `input_values` (batch, samples), `index` (batch,), where something is padded
    `attention_mask` (batch, samples), in training perhaps `mask_time_indices` (batch, frames), and
    `labels`, whose shape the task says. It is empty where other processes still have one.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.totals = StepTotals(COUNTS)
        self.eval_totals = StepTotals(COUNTS)

    def losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, Any]:
        """Return the loss of every utterance, (batch,), and what `count` is to see.

        Args:
            batch: With `labels`.
        """
        raise NotImplementedError

    def can_be_judged(self, batch: dict[str, Tensor], output: Any) -> Tensor:
        """Return which utterances have a loss that says something, (batch,) bool: here all.

        Args:
            batch: With `labels`.
            output: What `losses` returned beside the losses.
        """
        return torch.ones(len(batch["labels"]), dtype=torch.bool, device=batch["labels"].device)

    def count(self, batch: dict[str, Tensor], output: Any) -> None:
        """Count what is right in one batch of an evaluation.

        Args:
            batch: With `labels`.
            output: What `losses` returned beside the losses.
        """
        raise NotImplementedError

    def log_counts(self, stage: str) -> None:
        """Log what was counted as `<stage>_...`, and count anew."""
        raise NotImplementedError

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss summed over utterances, (); its gradients are divided later."""
        losses, output = self.losses(batch)
        self._add(self.totals, losses, self.can_be_judged(batch, output))
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
        """Add the losses of one batch, and count what is right in it."""
        self._evaluate(batch)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Do the same as in validation."""
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
            nothing = torch.zeros(0, device=self.device)
            self._add(self.eval_totals, nothing, nothing.bool())
            return
        losses, output = self.losses(batch)
        self._add(self.eval_totals, losses, self.can_be_judged(batch, output))
        self.count(batch, output)

    def _add(self, totals: StepTotals, losses: Tensor, is_judged: Tensor) -> None:
        # Not multiplied by zero: that would hide a loss that is not finite, or make one of it.
        judged = losses.detach()[is_judged]
        totals.add(loss=judged.sum(), utterances=is_judged.sum(), left_out=(~is_judged).sum())

    def _log_loss(self, stage: str, sums: dict[str, Tensor]) -> None:
        """Log a ratio of sums that are already those of all processes, and what it leaves out.

        Of no utterance there is no mean: a zero would be the best loss that there ever was.
        """
        if sums["utterances"] > 0:
            mean = sums["loss"] / sums["utterances"]
            self.log(f"{stage}_loss", mean.float(), prog_bar=True)
        if sums["left_out"] > 0:
            self.log(f"{stage}_left_out", sums["left_out"].float())


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


def masked_frames(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Return the batch's `mask_time_indices`, or that no frame is masked, (batch, frames) bool.

    Given none, the library draws a mask of its own in training, also over padding.
    """
    is_masked: Tensor | None = batch.get("mask_time_indices")
    if is_masked is None:
        samples = batch["input_values"]
        num_frames = int(model._get_feat_extract_output_lengths(samples.shape[1]))
        is_masked = samples.new_zeros((len(samples), num_frames), dtype=torch.bool)
    return is_masked


def validate_masking(config: Any) -> None:
    """Raise ModelError where the library would ignore the masks of the data."""
    if not config.apply_spec_augment:
        raise ModelError("`apply_spec_augment` of `model_fields` must be true, got false")
    if config.mask_time_prob <= 0:
        raise ModelError(
            "`mask_time_prob` of `model_fields` must be above zero, got "
            f"{config.mask_time_prob}: how much is masked, if anything, is a setting of the data"
        )


def validate_channel_span(config: Any) -> None:
    """Raise ModelError where the library could not mask channels, in the first step of all."""
    length, width = config.mask_feature_length, config.hidden_size
    if config.mask_feature_prob > 0 and not 1 <= length <= width:
        raise ModelError(
            f"`mask_feature_length` of `model_fields` must be at least 1 and at most {width}, the "
            f"width of the model, got {length}"
        )


def real_waveforms(batch: dict[str, Tensor]) -> list[Tensor]:
    """Return every recording of a batch without its padding, (samples,)."""
    waveforms, padding = batch["input_values"], batch.get("attention_mask")
    lengths = [waveforms.shape[1]] * len(waveforms)
    if padding is not None:
        lengths = padding.sum(1).tolist()
    return [waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)]
