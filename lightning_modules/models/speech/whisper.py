"""Whisper's encoder: full attention among the 1,500 positions of 30 seconds, always.

Source: Robust Speech Recognition via Large-Scale Weak Supervision, Radford et al. 2022
(arXiv 2212.04356).
"""

from typing import Any

from torch import Tensor

from lightning_modules.attention.interface import choose_kernel
from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.components import Part
from lightning_modules.models.settings import dropout_fields
from lightning_modules.models.speech.base import SpeechModule
from lightning_modules.models.speech.drawing import load_or_draw
from lightning_modules.models.speech.log_mel import count_frames
from lightning_modules.models.speech.thirty_seconds import TOTAL_FRAMES
from lightning_modules.models.speech.waveform_whisper import WaveformWhisper
from lightning_modules.sizes import WHISPER_SIZES


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
        sizes = WHISPER_SIZES[given.size]
        # The library builds a whole Whisper for what was exported: heads must divide its width.
        sizes = sizes | {"decoder_attention_heads": sizes["encoder_attention_heads"]}
        model = load_or_draw(WaveformWhisper, sizes, given.checkpoint, fields)
        choose_kernel(model, self.implementation)
        return model

    def _why_inactive(self, length: int) -> str | None:
        positions = self.model.config.max_source_positions
        if positions != TOTAL_FRAMES:
            return f"it has {positions:,} positions instead of {TOTAL_FRAMES:,}"
        return super()._why_inactive(length)
