"""Masked prediction of cluster labels: the head and loss that transformers' HuBERT lacks.

The same head serves plain HuBERT and L-HuBERT, so that the two are compared fairly.

Source: HuBERT, Hsu et al. 2021, section II-C; form of the loss as in fairseq and torchaudio.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import HubertPreTrainedModel, initialization
from transformers.utils.generic import ModelOutput

from lightning_modules.errors import ModelError
from lightning_modules.lhubert.configuration import FEATURE_GRAD_MULT, LHubertConfig
from lightning_modules.lhubert.conversion import LocalHubert
from lightning_modules.lhubert.masking import HubertModel
from lightning_modules.lhubert.modeling import LHubertModel, encode_features

PROJECTION_SIZE = 256
TEMPERATURE = 0.1
PENALTY_WEIGHT = 10.0


@dataclass
class PreTrainingOutput(ModelOutput):
    """What a step of pre-training gives.

    Args:
        loss: Summed over the masked frames, the penalty on the features included.
        num_masked: Masked frames, to divide by: those of all accumulated batches and processes.
        logits: (batch, frames, clusters) float32, of masked and other frames.
        prediction_losses: (batch,) the part of the loss that is prediction, by utterance.
        penalties: (batch,) mean square of the features, by utterance; what the loss has of it is
            `PENALTY_WEIGHT` times their mean times `num_masked`.
        num_masked_each: (batch,) masked frames by utterance.
    """

    loss: Tensor | None = None
    num_masked: Tensor | None = None
    logits: Tensor | None = None
    prediction_losses: Tensor | None = None
    penalties: Tensor | None = None
    num_masked_each: Tensor | None = None


class HubertForPreTraining(HubertPreTrainedModel):
    """HuBERT that predicts the cluster of frames it does not see; `config.num_clusters` of them."""

    def __init__(self, config: Any) -> None:
        """Build the model with random weights.

        Raises:
            ModelError: `config.num_clusters` is not a positive number, or the configuration
                takes masking from the model.
        """
        super().__init__(config)
        num_clusters = _num_clusters(config)
        self.hubert = self._build_backbone(config)
        self.final_proj = nn.Linear(config.hidden_size, PROJECTION_SIZE)
        self.label_embeddings = nn.Parameter(torch.empty(num_clusters, PROJECTION_SIZE))
        self.feature_grad_mult = getattr(config, "feature_grad_mult", FEATURE_GRAD_MULT)
        self.post_init()

    def _build_backbone(self, config: Any) -> Any:
        return HubertModel(config)

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, HubertForPreTraining):  # a parameter that is no layer's
            initialization.uniform_(module.label_embeddings)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> PreTrainingOutput:
        """Predict the clusters.

        Args:
            input_values: (batch, samples) at 16 kHz.
            attention_mask: (batch, samples), nonzero = real sample; None = all are.
            mask_time_indices: (batch, frames) bool, True = masked and to be predicted, unless it
                is padding; None masks nothing, in training mode too.
            labels: (batch, frames) int64, the cluster of every frame; below zero is not predicted.

        Returns:
            The loss only with `labels`.

        Raises:
            ModelError: `labels` come without `mask_time_indices`, or one of them has another shape
                or dtype.
        """
        features = self.hubert.feature_extractor(input_values)
        features = _ScaledGradient.apply(features, self.feature_grad_mult)
        shape = (features.shape[0], features.shape[2])
        is_masked = _masked_frames(mask_time_indices, shape, features.device)
        frame_mask = None
        if attention_mask is not None:
            frame_mask = self.hubert._get_feature_vector_attention_mask(shape[1], attention_mask)
            is_masked = is_masked & frame_mask
        hidden = encode_features(self.hubert, features, frame_mask, is_masked)
        logits = self.cluster_logits(hidden)
        if labels is None:
            return PreTrainingOutput(logits=logits)
        if mask_time_indices is None:
            raise ModelError("`labels` need `mask_time_indices`: which frames are to be predicted")
        _validate_shape("labels", labels, shape)
        if labels.dtype != torch.int64:
            raise ModelError(f"`labels` must be of dtype torch.int64, got {labels.dtype}")
        chosen = is_masked & (labels >= 0)
        num_masked = chosen.sum()
        losses = functional.cross_entropy(logits[chosen], labels[chosen], reduction="none")
        of_utterance = chosen.nonzero()[:, 0]
        prediction = losses.new_zeros(len(logits)).index_add(0, of_utterance, losses)
        # After the gradient was scaled, so that this one is scaled too; padded frames count.
        penalties = features.float().square().mean((1, 2))
        loss = prediction.sum() + PENALTY_WEIGHT * penalties.mean() * num_masked
        return PreTrainingOutput(loss, num_masked, logits, prediction, penalties, chosen.sum(1))

    def cluster_logits(self, hidden: Tensor) -> Tensor:
        """Return cosines over the temperature, (..., frames, clusters) float32.

        Normalising first needs no frames x table x size.

        Args:
            hidden: (..., frames, hidden).
        """
        with torch.autocast(hidden.device.type, enabled=False):
            projected = functional.linear(
                hidden.float(), self.final_proj.weight.float(), self.final_proj.bias.float()
            )
            ours = functional.normalize(projected, dim=-1)
            table = functional.normalize(self.label_embeddings.float(), dim=-1)
            return ours @ table.T / TEMPERATURE


def _num_clusters(config: Any) -> int:
    num_clusters = getattr(config, "num_clusters", None)
    if not isinstance(num_clusters, int) or num_clusters < 1:
        raise ModelError(
            f"`num_clusters` of the configuration must be at least 1, got {num_clusters!r}"
        )
    # Otherwise the library ignores the mask it is given, or has no vector to write.
    if not config.apply_spec_augment:
        raise ModelError("`apply_spec_augment` must be true for pre-training, got false")
    if not (config.mask_time_prob > 0 or config.mask_feature_prob > 0):
        raise ModelError(
            "`mask_time_prob` must be above zero for pre-training, got "
            f"{config.mask_time_prob}: without it there is no vector for masked frames"
        )
    return num_clusters


def _masked_frames(mask: Tensor | None, shape: tuple[int, int], device: torch.device) -> Tensor:
    if mask is None:
        # Given none, the library draws one of its own in training, also over padding.
        return torch.zeros(shape, dtype=torch.bool, device=device)
    _validate_shape("mask_time_indices", mask, shape)
    if mask.dtype != torch.bool:
        raise ModelError(f"`mask_time_indices` must be of dtype torch.bool, got {mask.dtype}")
    return mask


def _validate_shape(name: str, values: Tensor, shape: tuple[int, int]) -> None:
    if tuple(values.shape) != shape:
        raise ModelError(
            f"`{name}` must have the shape (batch, frames) = {shape}, got {tuple(values.shape)}"
        )


class LHubertForPreTraining(LocalHubert, HubertForPreTraining):
    """L-HuBERT with the same head."""

    config_class = LHubertConfig
    hubert_class = HubertForPreTraining

    def _build_backbone(self, config: LHubertConfig) -> LHubertModel:
        return LHubertModel(config)


class _ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None
