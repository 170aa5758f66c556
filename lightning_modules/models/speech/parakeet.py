"""Parakeet, a Fast Conformer: full attention among tokens of 80 ms, a quarter as many as HuBERT's.

Source: Fast Conformer, Rekesh et al. 2023 (arXiv 2305.05084); masked prediction with it hides the
features before they are subsampled, NEST, Huang et al. 2024 (arXiv 2408.13106).
"""

from typing import Any

import torch
from torch import Tensor
from transformers import ParakeetEncoder, ParakeetEncoderConfig
from transformers import initialization as init

from lightning_modules.attention.interface import choose_kernel
from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.components import Part
from lightning_modules.models.settings import dropout_fields
from lightning_modules.models.speech.base import SpeechModule
from lightning_modules.models.speech.drawing import load_or_draw
from lightning_modules.models.speech.log_mel import POSITIONS_PER_FRAME, LogMel
from lightning_modules.sizes import PARAKEET_SIZES

# A token of the encoder, 80 ms, is four frames of 20 ms.
FRAMES_PER_TOKEN = 4


class BiasedCore(AttentionCore):
    """Attention whose every query also meets the position of every distance, of either sign."""

    @property
    def dense_flops(self) -> float:
        """Of its three products, forward."""
        return super().dense_flops + 2.0 * self.tokens * (2 * self.tokens - 1) * self.width


class WaveformParakeet(ParakeetEncoder):
    """The library's encoder with its front end inside, and a vector for masked features."""

    def __init__(self, config: ParakeetEncoderConfig) -> None:
        """Build it with random weights.

        Args:
            config: Of the library's encoder.
        """
        super().__init__(config)
        self.feature_extractor = LogMel(config.num_mel_bins)
        self.masked_spec_embed = torch.nn.Parameter(torch.empty(config.num_mel_bins).uniform_())

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        **more: Any,
    ) -> Any:
        """Encode recordings.

        Args:
            input_values: (batch, samples) at 16 kHz.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real.
            mask_time_indices: (batch, frames of 20 ms) bool, True = the model sees its mask vector.
            more: What the library's encoder takes besides.

        Returns:
            What the library's encoder returns, of (batch, tokens of 80 ms, hidden size).

        Raises:
            ModelError: The recordings are shorter than a frame.
        """
        features, real = self.feature_extractor(input_values, attention_mask)
        if mask_time_indices is not None:
            hidden = mask_time_indices.repeat_interleave(POSITIONS_PER_FRAME, 1)
            vector = self.masked_spec_embed.to(features.dtype)
            features = torch.where(hidden[..., None], vector, features)
        return super().forward(input_features=features, attention_mask=real, **more)

    @torch.no_grad()
    def _init_weights(self, module: Any) -> None:
        """Fill what a checkpoint of the library lacks."""
        super()._init_weights(module)
        if isinstance(module, LogMel):
            module.restore()
        elif hasattr(module, "masked_spec_embed"):
            init.uniform_(module.masked_spec_embed)


class ParakeetModule(SpeechModule):
    """Parakeet's encoder with a linear head; logits are (batch, tokens of 80 ms, num_classes).

    It is trained as the other speech variants are, on the labels of every fourth frame: those with
    which its tokens begin.
    """

    variant = "parakeet"

    def targets(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the labels of the masked frames with which tokens begin.

        Args:
            batch: `mask_time_indices` (batch, frames) bool and `labels` (batch, frames) int64.

        Returns:
            (batch, tokens) int64, -100 where such a frame is not masked.
        """
        return super().targets(batch)[:, ::FRAMES_PER_TOKEN]

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of Parakeet's configuration that make each named size."""
        return PARAKEET_SIZES

    def sequence_length(self, length: int) -> int:
        """Count the tokens of 80 ms that `length` frames of 20 ms become."""
        return -(-length // FRAMES_PER_TOKEN)

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """Give the shape of the logits of `batch_size` recordings of `length` frames."""
        return (batch_size, self.sequence_length(length), self.num_classes)

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what."""
        return [BiasedCore(**vars(core)) for core in super().attention_cores(length)]

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Tell that every layer does: what it saves is tokens."""
        return True

    def parts(self) -> list[Part]:
        """Tell what its parts do; a convolution mixes what attention and feed-forward leave."""
        own = [Part("feature_encoder", self.model.feature_extractor)]
        for layer in self.model.layers:
            own += [Part("feed_forward", layer.conv), Part("norm_residual", layer.conv.norm)]
        return [*super().parts(), *own]

    def _mask_of_nothing(self, input_values: Tensor) -> None:
        """Return none: the library's encoder draws no masks."""

    def _build_model(self) -> Any:
        fields = dropout_fields(
            self.settings.dropout,
            "dropout",
            "dropout_positions",
            "layerdrop",
            "activation_dropout",
            "attention_dropout",
        )
        given = self.settings
        model = load_or_draw(WaveformParakeet, PARAKEET_SIZES[given.size], given.checkpoint, fields)
        choose_kernel(model, self.implementation)
        return model

    def _why_inactive(self, length: int) -> str | None:
        factor = self.model.config.subsampling_factor
        if factor != POSITIONS_PER_FRAME * FRAMES_PER_TOKEN:
            return f"it subsamples by {factor} instead of {POSITIONS_PER_FRAME * FRAMES_PER_TOKEN}"
        return super()._why_inactive(length)
