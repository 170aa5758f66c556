"""The front end of a Parakeet: a waveform as the logarithm of its energy in mel bands."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE_HZ = 16_000
# As published: windows of 25 ms every 10 ms.
HOP_SAMPLES = 160
WINDOW_SAMPLES = 400
FOURIER_SAMPLES = 512
PREEMPHASIS = 0.97
LEAST_ENERGY = 2.0**-24  # before the logarithm
LEAST_DEVIATION = 1e-5


class LogMel(nn.Module):
    """Makes the features inside the step, so that their cost counts as HuBERT's front end does.

    The same as `ParakeetFeatureExtractor` of transformers, which prepares them outside of the
    model. That has one position more, which it calls padding; here it does not exist. All is
    computed in float32: a Fourier transform knows no other type everywhere.

    Args:
        num_mel_bins: Bands.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, num_mel_bins: int) -> None:
        super().__init__()
        self.num_mel_bins = num_mel_bins
        self.register_buffer("window", make_window(), persistent=False)
        self.register_buffer("filters", make_filters(num_mel_bins), persistent=False)

    @property
    def frame_samples(self) -> int:
        """Samples that one position sees."""
        return WINDOW_SAMPLES

    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the features, in each band of mean zero and variance one over the recording.

        Args:
            input_values: (batch, samples) at 16 kHz.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real.

        Returns:
            The features, (batch, samples // 160, bands) in the dtype of the waveform, zero where
            they are padding, and which positions are real, (batch, samples // 160) bool or None.
        """
        with torch.autocast(input_values.device.type, enabled=False):
            energies = self._log_energies(input_values.float(), attention_mask)
            if attention_mask is None:
                return _normalise(energies).to(input_values.dtype), None
            positions = torch.arange(energies.shape[1], device=energies.device)
            real = positions < (attention_mask != 0).sum(-1, keepdim=True) // HOP_SAMPLES
            return _normalise(energies, real[..., None]).to(input_values.dtype), real

    def _log_energies(self, waveform: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Compute (batch, positions, bands)."""
        earlier = functional.pad(waveform, (1, -1))
        waveform = waveform - PREEMPHASIS * earlier
        if attention_mask is not None:
            waveform = waveform.masked_fill(attention_mask == 0, 0.0)
        spectrum = torch.stft(
            waveform,
            FOURIER_SAMPLES,
            hop_length=HOP_SAMPLES,
            win_length=WINDOW_SAMPLES,
            window=self.window.float(),
            pad_mode="constant",
            return_complex=True,
        )
        powers = torch.view_as_real(spectrum[..., :-1]).square().sum(-1)
        return (self.filters.float() @ powers + LEAST_ENERGY).log().transpose(1, 2)


def _normalise(features: Tensor, real: Tensor | None = None) -> Tensor:
    """Bring each band to mean zero and variance one over the real positions, others to zero.

    Args:
        features: (batch, positions, bands).
        real: (batch, positions, 1) bool; None = all are.
    """
    if real is None:
        deviation, mean = torch.std_mean(features, 1, keepdim=True)
        return (features - mean) / (deviation + LEAST_DEVIATION)
    count = real.sum(1, keepdim=True)
    mean = features.masked_fill(~real, 0.0).sum(1, keepdim=True) / count
    distances = (features - mean).masked_fill(~real, 0.0)
    variance = distances.square().sum(1, keepdim=True) / (count - 1)
    return distances / (variance.sqrt() + LEAST_DEVIATION)


def make_window() -> Tensor:
    """Return the window of one position, (400,)."""
    return torch.hann_window(WINDOW_SAMPLES, periodic=False)


def make_filters(num_mel_bins: int) -> Tensor:
    """Return what each band takes of each frequency, (bands, 257)."""
    filters: Any = mel_filter_bank(
        num_frequency_bins=FOURIER_SAMPLES // 2 + 1,
        num_mel_filters=num_mel_bins,
        min_frequency=0.0,
        max_frequency=SAMPLE_RATE_HZ / 2,
        sampling_rate=SAMPLE_RATE_HZ,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.tensor(filters.T.tolist(), dtype=torch.float32)
