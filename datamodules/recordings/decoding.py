"""Decoding a recording to 16 kHz, mixed to mono."""

import math

import numpy as np
import torch
from torch import Tensor

from datamodules.errors import BadSampleError, reading, shown
from datamodules.geometry import SAMPLE_RATE_HZ
from datamodules.libraries import needed
from datamodules.recordings.headers import resampled_length
from datamodules.recordings.recording import Recording
from datamodules.recordings.sound import open_sound

# torchaudio's filter is a matrix that grows with both rates over their greatest common divisor:
# this many values are 16 MiB, and no usual rate needs a tenth of them.
MOST_KERNEL_VALUES = 1 << 22


def decode(recording: Recording, num_samples: int, first_sample: int = 0) -> Tensor:
    """Decode a part of a recording, resampled to 16 kHz and mixed to mono.

    Args:
        recording: The recording.
        num_samples: Audio samples at 16 kHz that are wanted.
        first_sample: The first of them.

    Returns:
        (num_samples,) float32.

    Raises:
        BadSampleError: The file cannot be decoded, or is not as long as it was listed.
        DataError: A library that this file needs is missing.
    """
    path = recording.path
    # Beside decoding the greater part of a file, reading it once more takes hardly any time.
    is_thorough = 2 * num_samples > recording.num_samples
    with (
        reading("audio file", path),
        open_sound(recording.open(), path, is_thorough=is_thorough) as sound,
    ):
        rate_hz = sound.rate_hz
        if sound.num_samples is not None:
            _check_length(recording, sound.num_samples, rate_hz)
        # A file of another rate is decoded from its beginning, because only there do the grids of
        # both rates meet, whatever the rate.
        skipped = first_sample if rate_hz == SAMPLE_RATE_HZ else 0
        last_sample = first_sample + num_samples
        # A tenth of a second more is decoded: the resampling filter sees beyond the last one.
        end = -(-last_sample * rate_hz // SAMPLE_RATE_HZ) + rate_hz // 10
        samples = sound.read(skipped, end)
        _check_length(recording, sound.count(), rate_hz)
        if len(samples) < min(end, sound.count()) - skipped:
            raise _damaged(recording, "it ends too early")
        if not np.isfinite(samples).all():
            raise _damaged(recording, "it holds NaN or infinity")
        first = first_sample - skipped
        return _resample(torch.from_numpy(samples), rate_hz)[first : first + num_samples]


def _check_length(recording: Recording, num_samples: int, rate_hz: int) -> None:
    actual = resampled_length(num_samples, rate_hz)
    if actual != recording.num_samples:
        raise BadSampleError(
            f"audio file {shown(recording.path)} must have {recording.num_samples} samples at "
            f"{SAMPLE_RATE_HZ} Hz, as listed, got {actual}",
            "not as long as listed",
            recording.path.suffix.lower(),
        )


def _damaged(recording: Recording, problem: str) -> BadSampleError:
    sentence = f"audio file {shown(recording.path)} is damaged: {problem}"
    return BadSampleError(sentence, "damaged", recording.path.suffix.lower())


def _resample(samples: Tensor, rate_hz: int) -> Tensor:
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    length = resampled_length(len(samples), rate_hz)
    if _kernel_values(rate_hz) > MOST_KERNEL_VALUES:
        return _resample_by_phases(samples, rate_hz)[:length]
    with needed("torchaudio", "audio that is not sampled at 16 kHz"):
        from torchaudio.functional import resample

    resampled: Tensor = resample(samples, rate_hz, SAMPLE_RATE_HZ)
    # torchaudio counts in single precision, which is off by some samples for long recordings.
    return torch.nn.functional.pad(resampled, (0, length - len(resampled)))


def _kernel_values(rate_hz: int) -> int:
    """Return about how many values the filter of torchaudio has."""
    divisor = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    return (SAMPLE_RATE_HZ // divisor) * (rate_hz // divisor)


def _resample_by_phases(samples: Tensor, rate_hz: int) -> Tensor:
    """Resample by a ratio of large numbers, such as 44,101 to 16,000; memory grows with their sum.

    Returns:
        (samples,) float32.
    """
    from scipy.signal import resample_poly

    divisor = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    ratio = SAMPLE_RATE_HZ // divisor, rate_hz // divisor
    return torch.from_numpy(resample_poly(samples.numpy(), *ratio).astype(np.float32))
