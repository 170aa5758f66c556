"""Lengths of audio files, from their headers."""

import os
from pathlib import Path
from typing import BinaryIO

from datamodules.errors import BadSampleError
from datamodules.geometry import SAMPLE_RATE_HZ
from datamodules.libraries import needed


def resampled_length(num_samples: int, rate_hz: int) -> int:
    """Return how many audio samples at 16 kHz `num_samples` samples at another rate become."""
    return -(-num_samples * SAMPLE_RATE_HZ // rate_hz)


def read_length(opened: BinaryIO | Path, path: Path) -> int:
    """Read from its header how many audio samples an audio file has at 16 kHz.

    Args:
        opened: The path of the file, or the file itself.
        path: What messages call it.

    Raises:
        BadSampleError: It is damaged.
        DataError: soundfile is missing.
    """
    with needed("soundfile", "reading audio"):
        import soundfile

    is_file = isinstance(opened, Path)
    try:
        header = soundfile.info(opened)
        with opened.open("rb") if isinstance(opened, Path) else opened as file:
            promised, size = _promised_bytes(file), file.seek(0, os.SEEK_END)
    except (soundfile.SoundFileError, OSError) as error:
        raise unreadable(path, error, is_file) from error
    if size < promised:
        raise BadSampleError(f"audio file {path} is damaged: it has {size} bytes of {promised}")
    return resampled_length(header.frames, header.samplerate)


def unreadable(path: Path, error: Exception, is_file: bool) -> BadSampleError:
    """Return an error that says why an audio file cannot be read."""
    reason = str(error).split(": ")[-1].rstrip(".")
    if is_file and not path.exists():
        reason = "it does not exist"
    return BadSampleError(f"audio file {path} cannot be read: {reason}")


def _promised_bytes(file: BinaryIO) -> int:
    """Return where the audio of a wav file must end: the library does not miss what is cut off."""
    file.seek(0)
    if file.read(12)[:4] != b"RIFF":
        return 0
    while header := file.read(8):
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            # Programs that write to a pipe do not know the length, and write a huge one.
            return file.tell() + length if length < 0x7FFFFFFF else 0
        file.seek(length + length % 2, os.SEEK_CUR)
    return 0
