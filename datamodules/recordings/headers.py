"""Lengths of audio files, from their headers where these can know them."""

from pathlib import Path
from typing import BinaryIO

from datamodules.errors import reading
from datamodules.geometry import SAMPLE_RATE_HZ
from datamodules.recordings.sound import open_sound


def resampled_length(num_samples: int, rate_hz: int) -> int:
    """Return how many audio samples at 16 kHz `num_samples` samples at another rate become."""
    return -(-num_samples * SAMPLE_RATE_HZ // rate_hz)


def read_length(opened: BinaryIO | Path, path: Path) -> int:
    """Read from its header how many audio samples an audio file has at 16 kHz.

    Where a header cannot know it, as in an mp3 file without an index or a FLAC file that was
    written to a pipe, the audio is decoded and counted.

    Args:
        opened: The path of the file, or the file itself.
        path: What messages call it.

    Raises:
        BadSampleError: It is damaged.
        DataError: soundfile is missing.
    """
    with reading("audio file", path), open_sound(opened, path) as sound:
        return resampled_length(sound.count(), sound.rate_hz)
