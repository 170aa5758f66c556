"""The front end of a Whisper: the mel bands of exactly 30 seconds, whatever the recording."""

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.errors import ModelError
from lightning_modules.lhubert.features import SAMPLE_RATE_HZ, validate_length
from lightning_modules.models.speech.log_mel import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    POSITIONS_PER_FRAME,
    MelBands,
    count_frames,
)

TOTAL_SAMPLES = 30 * SAMPLE_RATE_HZ
TOTAL_POSITIONS = TOTAL_SAMPLES // HOP_SAMPLES
TOTAL_FRAMES = TOTAL_POSITIONS // POSITIONS_PER_FRAME

LEAST_ENERGY = 1e-10  # before the logarithm
DECADES = 8.0  # what is quieter than the loudest by more counts as that much quieter
CENTRE, SCALE = 4.0, 4.0


class ThirtySeconds(MelBands):
    """The features of a Whisper: shorter recordings are filled up with silence.

    The same as `WhisperFeatureExtractor` of transformers, which prepares them outside of the model.
    """

    fourier_samples = 400
    is_periodic = True
    pad_mode = "reflect"

    def forward(self, input_values: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Compute the features.

        Args:
            input_values: (batch, samples) at 16 kHz, of at most 1,500 frames of 20 ms. What the
                last of them sees behind 30 s, 5 ms, is cut off.
            attention_mask: (batch, samples), nonzero = real sample, others are silenced; None = all
                are real.

        Returns:
            (batch, bands, 3,000) in the dtype of the waveform.

        Raises:
            ModelError: The recordings are longer, or shorter than a frame.
        """
        validate_length(input_values, FRAME_SAMPLES)
        frames = count_frames(input_values.shape[1])
        if frames > TOTAL_FRAMES:
            raise ModelError(
                f"`input_values` must be at most {TOTAL_FRAMES:,} frames of 20 ms for whisper, "
                f"got {frames:,}"
            )
        with torch.autocast(input_values.device.type, enabled=False):
            waveform = input_values.float()
            if attention_mask is not None:
                waveform = waveform.masked_fill(attention_mask == 0, 0.0)
            waveform = functional.pad(waveform, (0, TOTAL_SAMPLES - waveform.shape[1]))
            levels = self.energies(waveform).clamp(min=LEAST_ENERGY).log10()
            levels = levels.maximum(levels.amax((1, 2), keepdim=True) - DECADES)
            return ((levels + CENTRE) / SCALE).to(input_values.dtype)
