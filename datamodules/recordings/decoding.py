"""Decoding a recording to 16 kHz, mixed to mono."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from datamodules.errors import BadSampleError
from datamodules.geometry import SAMPLE_RATE_HZ
from datamodules.libraries import needed
from datamodules.recordings.headers import resampled_length, unreadable
from datamodules.recordings.recording import Recording


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
    with needed("soundfile", "decoding audio"):
        import soundfile

    try:
        with soundfile.SoundFile(recording.open()) as file:
            _check_length(recording, file)
            rate_hz = file.samplerate
            # A file of another rate is decoded from its beginning, because only there do the grids
            # of both rates meet, whatever the rate.
            skipped = first_sample if rate_hz == SAMPLE_RATE_HZ else 0
            last_sample = first_sample + num_samples
            # A tenth of a second more is decoded: the resampling filter sees beyond the last one.
            end = min(-(-last_sample * rate_hz // SAMPLE_RATE_HZ) + rate_hz // 10, file.frames)
            file.seek(skipped)
            samples = file.read(end - skipped, dtype="float32", always_2d=True)
            complete = len(samples) == end - skipped
    except (soundfile.SoundFileError, OSError) as error:
        raise unreadable(recording.path, error, recording.opener is None) from error
    if not complete:
        raise BadSampleError(f"audio file {recording.path} is damaged: it ends too early")
    if not np.isfinite(samples).all():
        raise BadSampleError(f"audio file {recording.path} is damaged: it holds NaN or infinity")
    first = first_sample - skipped
    return _resample(torch.from_numpy(samples).mean(1), rate_hz)[first : first + num_samples]


def _check_length(recording: Recording, file: Any) -> None:
    actual = resampled_length(file.frames, file.samplerate)
    if actual != recording.num_samples:
        raise BadSampleError(
            f"audio file {recording.path} must have {recording.num_samples} samples at "
            f"{SAMPLE_RATE_HZ} Hz, as listed, got {actual}"
        )


def _resample(samples: Tensor, rate_hz: int) -> Tensor:
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    with needed("torchaudio", "audio that is not sampled at 16 kHz"):
        from torchaudio.functional import resample

    resampled: Tensor = resample(samples, rate_hz, SAMPLE_RATE_HZ)
    # torchaudio counts in single precision, which is off by some samples for long recordings.
    missing = resampled_length(len(samples), rate_hz) - len(resampled)
    return torch.nn.functional.pad(resampled, (0, missing))
