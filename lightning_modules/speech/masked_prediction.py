"""Pre-training of HuBERT and L-HuBERT by masked prediction, the same for both.

Source: HuBERT, Hsu et al. 2021; hyper-parameters of fairseq's hubert_base_librispeech.
"""

import functools
import time
from typing import Any

import torch
from torch import Tensor

from lightning_modules.counted import counted
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import build_speech_model, has_random_head
from lightning_modules.lhubert.features import SAMPLE_RATE_HZ
from lightning_modules.lhubert.pretraining import PENALTY_WEIGHT
from lightning_modules.lhubert.recording import CHUNK_FRAMES
from lightning_modules.speech.figures import log_masked_prediction
from lightning_modules.speech.masked_sums import (
    COUNTS,
    count_batch,
    count_nothing,
    ratios_of,
    summed_loss,
    unmasked_loss,
)
from lightning_modules.speech.predicted_clusters import (
    choose_num_clusters,
    saved_kmeans,
    take_kmeans,
)
from lightning_modules.speech.training_module import SpeechTraining
from lightning_modules.speech.utterance_module import real_waveforms, validate_channel_span
from lightning_modules.speech.whole_recordings import last_states
from lightning_modules.training.schedules import (
    build_adamw,
    linear_warmup_decay,
    planned_steps,
    stepwise,
)
from lightning_modules.training.step_totals import (
    StepTotals,
    check_finite,
    gradient_norm,
    rescale_gradients,
)

# How pre-training differs from transformers' defaults, and its masking, which the data draw.
PRETRAINING_FIELDS = {
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.1,
    "layerdrop": 0.05,
    "mask_time_prob": 0.8,
    "mask_time_length": 10,
    "mask_feature_prob": 0.0,
    "apply_spec_augment": True,
}


class MaskedPrediction(SpeechTraining):
    """Predicts the cluster of masked frames.

    The loss of a step is summed over the masked frames and divided by their number in all processes
    and all accumulated batches, which is known only just before the optimiser steps.

    A batch has `input_values` (batch, samples), where something is padded `attention_mask` (batch,
    samples), `mask_time_indices` (batch, frames) bool and `labels` (batch, frames) int64. It is
    empty where other processes still have one.
    """

    not_saved = ()  # `num_classes` is a setting of this one
    label_kind = "clusters"

    def __init__(  # noqa: PLR0913 - LightningCLI reads the settings from this signature
        self,
        num_classes: int | None = None,
        centroids: str | None = None,
        lr: float = 5e-4,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        unmasked_weight: float = 0.0,
        penalty_weight: float = PENALTY_WEIGHT,
        num_warmup_steps: int = 32_000,
        num_steps: int | None = None,
        **settings: Any,
    ) -> None:
        """Build the model.

        Args:
            num_classes: Number of clusters, which are the classes here; the data say it; None = the
                checkpoint's, or 100.
            centroids: What identifies the k-means; the data say it.
            lr: Highest learning rate of AdamW.
            betas: Of AdamW.
            eps: Of AdamW.
            weight_decay: Of AdamW, on all parameters.
            unmasked_weight: Of the loss on frames that are not masked, which then count too;
                published is 0. Small models on little data begin to learn much sooner with 1.
            penalty_weight: Of the mean square of the features in the loss; published is 10. Small
                models begin to learn sooner with 0.
            num_warmup_steps: Steps of linear warm-up.
            num_steps: Steps after which the rate is zero; None = those that the Trainer will do.
            settings: Those of SpeechTraining.

        Raises:
            ModelError: A setting is wrong.
        """
        super().__init__(**settings)
        weights = {"unmasked_weight": unmasked_weight, "penalty_weight": penalty_weight}
        for name, weight in weights.items():
            if not weight >= 0:
                raise ModelError(f"`{name}` must be at least 0, got {weight}")
        num_classes = choose_num_clusters(num_classes, self.settings.checkpoint)
        self.hparams["num_classes"] = num_classes  # where callbacks look for it
        self.model = build_speech_model(
            "pretraining", self.settings, num_clusters=num_classes, **PRETRAINING_FIELDS
        )
        validate_channel_span(self.model.config)
        self.head_is_random = has_random_head(self.model, self.settings.checkpoint)
        self.centroids = centroids
        take_kmeans(self.model, saved_kmeans(self.model), centroids)
        self.unmasked_weight = unmasked_weight
        self.penalty_weight = penalty_weight
        self.totals = StepTotals((*COUNTS, "divisor"))
        self.val_totals = StepTotals(COUNTS)
        self._step_ended_at: float | None = None

    def trained_head(self) -> str:
        """Say what makes a checkpoint one that predicts these clusters."""
        return f"pre-trained on {counted(self.model.config.num_clusters, 'cluster')}"

    def forward(self, batch: dict[str, Tensor]) -> Any:
        """Predict the clusters of a batch, and compute their losses: a PreTrainingOutput."""
        return self.model(
            batch["input_values"],
            batch.get("attention_mask"),
            batch["mask_time_indices"],
            batch["labels"],
        )

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss summed over the masked frames, (); its gradients are divided later."""
        output = self(batch)
        loss = summed_loss(output, self.penalty_weight)
        sums = count_batch(output, loss, batch)
        self.totals.add(**sums, divisor=sums["masked"] + sums["unmasked"] * self._counts_unmasked)
        if self._counts_unmasked:
            loss = loss + self.unmasked_weight * unmasked_loss(output.logits, batch)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide by the masked frames of all processes and accumulated batches, and log."""
        sums = self.totals.reduce(self)
        rescale_gradients(self, sums["divisor"])
        norm = gradient_norm(self)
        check_finite(self, sums["loss"], norm)
        self._log_sums("train", sums)
        self.log("gradient_norm", norm)
        now = time.perf_counter()
        if self._step_ended_at is not None:
            seconds = sums["real"].item() / SAMPLE_RATE_HZ
            self.log("audio_seconds_per_second", seconds / (now - self._step_ended_at))
        self._step_ended_at = now

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count what is right; show an example of the first batch."""
        self._evaluate(batch, batch_idx)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count what is right."""
        self._evaluate(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss` and its companions."""
        self._log_sums("val", self.val_totals.reduce(self))
        self._step_ended_at = None  # the time of validation is not that of a step

    def on_test_epoch_end(self) -> None:
        """Log `test_loss` and its companions."""
        self._log_sums("test", self.val_totals.reduce(self))

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> list[Tensor]:
        """Return the most likely cluster of every frame of every recording, (frames,) int64.

        No frame is masked, and each recording is computed as if it were alone: padding has no
        clusters, and would change the group norm of HuBERT's first layer.
        """
        if not batch:  # other processes still have one
            return []
        return [self._clusters(waveform) for waveform in real_waveforms(batch)]

    def configure_optimizers(self) -> Any:
        """Build AdamW with linear warm-up and linear decay, stepped at every optimiser step."""
        factor = functools.partial(
            linear_warmup_decay,
            num_warmup_steps=self.hparams["num_warmup_steps"],
            num_steps=self.hparams["num_steps"] or planned_steps(self.trainer),
        )
        return stepwise(build_adamw(self), factor)

    def on_train_start(self) -> None:
        """Let the head predict the clusters of the data from here on."""
        self.model.config.centroids = self.centroids

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the labels mean beside the weights that predict them."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["centroids"] = self.model.config.centroids

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take weights with the k-means that they say; refuse those of another one than the data's.

        Raises:
            ModelError: The labels are of another k-means, or the attention is another one.
        """
        super().on_load_checkpoint(checkpoint)
        take_kmeans(self.model, checkpoint.get("centroids"), self.centroids)

    def _clusters(self, waveform: Tensor) -> Tensor:
        """Return the most likely cluster of every frame of one recording (samples,)."""
        hidden = last_states(self.model.hubert, waveform).split(CHUNK_FRAMES)
        return torch.cat([self.model.cluster_logits(part).argmax(-1) for part in hidden])

    def _evaluate(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        if not batch:  # other processes still have one
            self.val_totals.add(**count_nothing(self.model.config.num_clusters, self.device))
            return
        output = self(batch)
        self.val_totals.add(**count_batch(output, summed_loss(output, self.penalty_weight), batch))
        if batch_idx == 0 and not self.trainer.sanity_checking:
            log_masked_prediction(self, batch, output.logits)

    @property
    def _counts_unmasked(self) -> bool:
        return self.unmasked_weight > 0

    def _log_sums(self, stage: str, sums: dict[str, Tensor]) -> None:
        """Log ratios of sums that are already those of all processes."""
        for name, value in ratios_of(sums).items():
            self.log(f"{stage}_{name}", value.float(), prog_bar=name == "loss")
