"""What the header of an audio file claims, held against the file itself.

libsndfile believes some headers more than it should: it does not miss what was cut off, and stops
where the first of several joined recordings ends, or where a header says so that is wrong.
"""

import os
from pathlib import Path
from typing import BinaryIO

from datamodules.errors import BadSampleError, shown
from datamodules.recordings.flac import find_understated, is_joined_flac
from datamodules.recordings.stated import count_unstated, find_length

PAGE_BEGINS = 2  # flag of an Ogg page that begins a recording


def check_whole(file: BinaryIO, path: Path, *, is_thorough: bool = False) -> None:
    """Check that a file ends where its header says, and holds one recording.

    Args:
        file: The opened file; its place moves.
        path: What the message calls it.
        is_thorough: Read all of the file, which joined FLAC recordings need to be found.

    Raises:
        BadSampleError: It was cut short, several recordings were joined, or it holds more than its
            header says.
    """
    _check_length(file, path)
    file.seek(0)
    kind = file.read(4)
    if kind == b"OggS" and _is_joined_ogg(file):
        raise _joined(path, "Ogg")
    if kind != b"fLaC":
        return
    if (understated := find_understated(file)) is not None:
        claimed, held = understated
        raise _understated(path, f"it has {held} samples, and its header says {claimed}")
    if is_thorough and is_joined_flac(file):
        raise _joined(path, "FLAC")


def _check_length(file: BinaryIO, path: Path) -> None:
    """Check that the bytes of audio that a header states are all that there are."""
    length, size = find_length(file), file.seek(0, os.SEEK_END)
    if length is None or not length.is_known:
        return
    if size < length.ends:
        problem = f"is damaged: it has {size} bytes of {length.ends}"
        raise _bad(path, problem, "cut short")
    if unstated := count_unstated(file, length):
        stated = f"its header says {length.stated} bytes of audio, and {unstated} more follow"
        raise _understated(path, stated)


def _understated(path: Path, problem: str) -> BadSampleError:
    return _bad(path, f"is damaged: {problem}", "more than its header says")


def _joined(path: Path, kind: str) -> BadSampleError:
    problem = f"holds several {kind} recordings one after the other: save them one by one"
    return _bad(path, problem, "joined")


def _bad(path: Path, problem: str, reason: str) -> BadSampleError:
    return BadSampleError(f"audio file {shown(path)} {problem}", reason, path.suffix.lower())


def _is_joined_ogg(file: BinaryIO) -> bool:
    """Return whether an Ogg recording begins after the audio of another one."""
    file.seek(0)
    audio_began = False
    while (header := file.read(27))[:4] == b"OggS" and len(header) == 27:
        begins = bool(header[5] & PAGE_BEGINS)
        if begins and audio_began:
            return True
        audio_began |= not begins
        file.seek(sum(file.read(header[26])), os.SEEK_CUR)
    return False
