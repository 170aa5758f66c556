"""Front ends of mel bands: a waveform as the logarithm of its energy in each."""

from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import initialization as init
from transformers.audio_utils import mel_filter_bank

from lightning_modules.lhubert.features import SAMPLE_RATE_HZ, validate_length

# As published of all: windows of 25 ms every 10 ms.
HOP_SAMPLES = 160
WINDOW_SAMPLES = 400
# A frame of 20 ms, of which labels and masks are made, is two positions of the features. HuBERT's
# begin every 320 samples, and see 400.
POSITIONS_PER_FRAME = 2
FRAME_HOP, FRAME_SAMPLES = POSITIONS_PER_FRAME * HOP_SAMPLES, 400
# Of a Parakeet.
PREEMPHASIS = 0.97
LEAST_ENERGY = 2.0**-24  # before the logarithm
LEAST_DEVIATION = 1e-5

Count = TypeVar("Count", int, Tensor)


class MelBands(nn.Module):
    """What such front ends share: the energy in each band, computed inside the step.

    So its cost counts as that of HuBERT's front end does. A Fourier transform knows no type but
    float32 everywhere.

    Args:
        num_mel_bins: Bands.
    """

    fourier_samples: ClassVar[int]
    """Samples of one transform, of which the window may fill a part."""
    is_periodic: ClassVar[bool]
    """Whether the window is one period of a cosine, which then lacks its last sample."""
    pad_mode: ClassVar[str]
    """What a window sees beyond both ends of a waveform."""
    window: Tensor
    filters: Tensor

    def __init__(self, num_mel_bins: int) -> None:
        super().__init__()
        self.num_mel_bins = num_mel_bins
        self.register_buffer("window", self._make_window(), persistent=False)
        self.register_buffer("filters", self._make_filters(), persistent=False)

    @property
    def frame_samples(self) -> int:
        """Samples that one position sees, and one frame."""
        return WINDOW_SAMPLES

    def restore(self) -> None:
        """Make its constants anew, which no checkpoint holds."""
        init.copy_(self.window, self._make_window())
        init.copy_(self.filters, self._make_filters())

    def energies(self, waveform: Tensor) -> Tensor:
        """Compute the energies, (batch, bands, samples // 160).

        Args:
            waveform: (batch, samples) at 16 kHz, float32.
        """
        spectrum = torch.stft(
            waveform,
            self.fourier_samples,
            hop_length=HOP_SAMPLES,
            win_length=WINDOW_SAMPLES,
            window=self.window.float(),
            pad_mode=self.pad_mode,
            return_complex=True,
        )
        powers = torch.view_as_real(spectrum[..., :-1]).square().sum(-1)
        return self.filters.float() @ powers

    def _make_window(self) -> Tensor:
        """Return the window of one position, (400,)."""
        return torch.hann_window(WINDOW_SAMPLES, periodic=self.is_periodic)

    def _make_filters(self) -> Tensor:
        """Return what each band takes of each frequency, (bands, frequencies)."""
        filters: Any = mel_filter_bank(
            num_frequency_bins=self.fourier_samples // 2 + 1,
            num_mel_filters=self.num_mel_bins,
            min_frequency=0.0,
            max_frequency=SAMPLE_RATE_HZ / 2,
            sampling_rate=SAMPLE_RATE_HZ,
            norm="slaney",
            mel_scale="slaney",
        )
        return torch.tensor(filters.T.tolist(), dtype=torch.float32)


class LogMel(MelBands):
    """The features of a Parakeet: two positions for every whole frame of 20 ms.

    The same as `ParakeetFeatureExtractor` of transformers, which prepares them outside of the
    model. That has one position more, which it calls padding; here it does not exist. Samples
    behind the last whole frame are cut off, as HuBERT's convolutions leave them out.
    """

    fourier_samples = 512
    is_periodic = False
    pad_mode = "constant"

    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the features, in each band of mean zero and variance one over the recording.

        Args:
            input_values: (batch, samples) at 16 kHz.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real.

        Returns:
            The features, (batch, 2 x frames, bands) in the dtype of the waveform, zero where they
            are padding, and which positions are real, (batch, 2 x frames) bool or None.

        Raises:
            ModelError: The recordings are shorter than a frame.
        """
        validate_length(input_values, FRAME_SAMPLES)
        waveform = input_values[:, : cut_to_frames(input_values.shape[1])]
        with torch.autocast(input_values.device.type, enabled=False):
            if attention_mask is None:
                energies = self._log_energies(waveform.float())
                return _normalise(energies).to(input_values.dtype), None
            num_real = cut_to_frames((attention_mask != 0).sum(-1, keepdim=True))
            energies = self._log_energies(waveform.float(), num_real)
            positions = torch.arange(energies.shape[1], device=energies.device)
            real = positions < num_real // HOP_SAMPLES
            return _normalise(energies, real[..., None]).to(input_values.dtype), real

    def _log_energies(self, waveform: Tensor, num_real: Tensor | None = None) -> Tensor:
        """Compute (batch, positions, bands) of so many samples of each row, (batch, 1), or all."""
        earlier = functional.pad(waveform, (1, -1))
        waveform = waveform - PREEMPHASIS * earlier
        if num_real is not None:
            is_real = torch.arange(waveform.shape[1], device=waveform.device) < num_real
            waveform = waveform.masked_fill(~is_real, 0.0)
        return (self.energies(waveform) + LEAST_ENERGY).log().transpose(1, 2)


def count_frames(samples: Count) -> Count:
    """Count the frames of 20 ms that HuBERT makes of so many samples."""
    return (samples - FRAME_SAMPLES) // FRAME_HOP + 1


def cut_to_frames(samples: Count) -> Count:
    """Count those of so many samples that whole frames see."""
    return FRAME_SAMPLES + (count_frames(samples) - 1) * FRAME_HOP


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
