"""Whisper's encoder: full attention among the 1,500 positions of 30 seconds, always.

Source: Robust Speech Recognition via Large-Scale Weak Supervision, Radford et al. 2022
(arXiv 2212.04356).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperConfig
from transformers import initialization as init
from transformers.models.whisper.modeling_whisper import WhisperEncoder, sinusoids

from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.settings import dropout_fields
from lightning_modules.models.components import Part
from lightning_modules.models.speech.base import SpeechModule
from lightning_modules.models.speech.drawing import load_or_draw
from lightning_modules.models.speech.log_mel import POSITIONS_PER_FRAME, count_frames
from lightning_modules.models.speech.thirty_seconds import (
    TOTAL_FRAMES,
    TOTAL_POSITIONS,
    ThirtySeconds,
)
from lightning_modules.sizes import WHISPER_SIZES

# Names of the weights of the encoder in a whole Whisper, with and without its last layer, ...
PREFIX = r"^(model\.)?encoder\."
# ... and of what is left out.
NOT_OF_THE_ENCODER = [r"^(model\.)?decoder\.", r"^proj_out\."]


class WaveformWhisper(WhisperEncoder):
    """The library's encoder with its front end inside, and a vector for masked features."""

    _keys_to_ignore_on_load_unexpected = NOT_OF_THE_ENCODER

    def __init__(self, config: WhisperConfig) -> None:
        """Build it with random weights.

        Args:
            config: Of the library's Whisper, whose decoder is left out.
        """
        super().__init__(config)
        self.feature_extractor = ThirtySeconds(config.num_mel_bins)
        self.masked_spec_embed = torch.nn.Parameter(torch.empty(config.num_mel_bins).uniform_())

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        **more: Any,
    ) -> Any:
        """Encode recordings, each as if silence followed it.

        Args:
            input_values: (batch, samples) at 16 kHz, at most 30 s.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real. It
                silences the others; attention runs over them as over the silence behind them.
            mask_time_indices: (batch, frames of 20 ms) bool, True = the model sees its mask vector.
            more: What the library's encoder takes besides.

        Returns:
            What the library's encoder returns, of (batch, 1,500, hidden size).

        Raises:
            ModelError: The recordings are longer, or shorter than a frame.
        """
        features = self.feature_extractor(input_values, attention_mask)
        if mask_time_indices is not None:
            hidden = mask_time_indices.repeat_interleave(POSITIONS_PER_FRAME, 1)
            hidden = functional.pad(hidden, (0, TOTAL_POSITIONS - hidden.shape[1]))
            vector = self.masked_spec_embed.to(features.dtype)
            features = torch.where(hidden[:, None], vector[:, None], features)
        return super().forward(input_features=features, **more)

    @classmethod
    def from_pretrained(cls, *arguments: Any, **settings: Any) -> Any:
        """Load it, also from a whole Whisper, of which the encoder is a part."""
        found = super().from_pretrained(*arguments, key_mapping={PREFIX: ""}, **settings)
        model: Any = found[0] if isinstance(found, tuple) else found
        model._weight_conversions = None  # or it would be saved under the names of a part
        return found

    @torch.no_grad()
    def _init_weights(self, module: Any) -> None:
        """Fill what a checkpoint of the library lacks, and the positions.

        The library fills these with the whole encoder, before a derived class draws its parts anew.
        """
        super()._init_weights(module)
        positions = getattr(self, "embed_positions", None)
        if positions is not None and module is positions:
            init.copy_(module.weight, sinusoids(*module.weight.shape))
        elif isinstance(module, ThirtySeconds):
            module.restore()
        elif hasattr(module, "masked_spec_embed"):
            init.uniform_(module.masked_spec_embed)


class WhisperModule(SpeechModule):
    """Whisper's encoder with a linear head; logits are (batch, frames, num_classes).

    Whatever the recording, it is filled up with silence to 30 s, among whose 1,500 positions every
    layer attends, so that its cost is flat. No mask keeps attention from the silence: a recording
    in a padded batch gives what it gives alone, because it is filled up alone as well. What stands
    behind the frames of the batch is cut off in front of the head.
    """

    variant = "whisper"

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """Compute the logits.

        Args:
            input_values: (batch, samples) at 16 kHz, at most 30 s.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real.
            mask_time_indices: (batch, frames) bool, True = the model sees its mask vector.

        Returns:
            (batch, frames, num_classes)

        Raises:
            ModelError: The recordings are longer, or shorter than a frame.
        """
        hidden = self.model(input_values, attention_mask, mask_time_indices).last_hidden_state
        logits: Tensor = self.head(hidden[:, : count_frames(input_values.shape[1])])
        return logits

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of Whisper's configuration that make each named size."""
        return WHISPER_SIZES

    def effective_length(self, length: int) -> int:
        """Tell that it always computes on 1,500."""
        return TOTAL_FRAMES

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what, the silence too: no mask hides it."""
        return super().attention_cores(TOTAL_FRAMES)

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Tell that every layer does."""
        return True

    def parts(self) -> list[Part]:
        """Tell what its parts do; its two convolutions belong to the front end."""
        front = (self.model.feature_extractor, self.model.conv1, self.model.conv2)
        return [*super().parts(), *(Part("feature_encoder", module) for module in front)]

    def _build_model(self) -> Any:
        fields = dropout_fields(
            self.settings.dropout,
            "dropout",
            "encoder_layerdrop",
            "activation_dropout",
            "attention_dropout",
        )
        given = self.settings
        model = load_or_draw(WaveformWhisper, WHISPER_SIZES[given.size], given.checkpoint, fields)
        model.set_attn_implementation(self.implementation)
        return model

    def _why_inactive(self, length: int) -> str | None:
        positions = self.model.config.max_source_positions
        if positions != TOTAL_FRAMES:
            return f"it has {positions:,} positions instead of {TOTAL_FRAMES:,}"
        return super()._why_inactive(length)
