"""What the header of an audio file claims, held against the file itself.

libsndfile believes some headers more than it should: it does not miss what was cut off, and stops
where the first of several joined recordings ends.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from datamodules.errors import BadSampleError, shown
from datamodules.recordings.flac import find_understated

# What programs that write to a pipe state for the length of the audio, which they do not know:
# zero, or a number near the largest of 31 or of 32 bits. CAF has -1.
PLACEHOLDERS = (range(1), range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
PAGE_BEGINS = 2  # flag of an Ogg page that begins a recording


@dataclass(frozen=True)
class Chunks:
    """How a kind of file is cut into chunks: a name, a length, and so many bytes.

    Args:
        first: Where the first chunk begins.
        length_bytes: Bytes of a length.
        order: Of these bytes, `little` or `big`.
        audio: Name of the chunk that holds the audio.
    """

    first: int
    length_bytes: int
    order: Literal["little", "big"]
    audio: bytes


CHUNKED = {
    b"RIFF": Chunks(12, 4, "little", b"data"),
    b"RIFX": Chunks(12, 4, "big", b"data"),
    b"FORM": Chunks(12, 4, "big", b"SSND"),
    b"caff": Chunks(8, 8, "big", b"data"),
}


@dataclass(frozen=True)
class Length:
    """What a header states of the bytes of audio.

    Args:
        place: Where it is stated.
        num_bytes: How many bytes that takes.
        order: Of these bytes, `little` or `big`.
        stated: The length.
        begins: Where the audio begins.
    """

    place: int
    num_bytes: int
    order: Literal["little", "big"]
    stated: int
    begins: int


def check_whole(file: BinaryIO, path: Path) -> None:
    """Check that a file ends where its header says, and holds one recording.

    Args:
        file: The opened file; its place moves.
        path: What the message calls it.

    Raises:
        BadSampleError: It was cut short, several recordings were joined, or it holds more than its
            header says.
    """
    length, size = find_length(file), file.seek(0, os.SEEK_END)
    promised = 0 if length is None or _is_placeholder(length.stated) else length.stated
    if length is not None and promised and size < length.begins + promised:
        problem = f"is damaged: it has {size} bytes of {length.begins + promised}"
        raise _bad(path, problem, "cut short")
    file.seek(0)
    kind = file.read(4)
    if kind == b"OggS" and _is_joined(file):
        problem = "holds several Ogg recordings one after the other: save them one by one"
        raise _bad(path, problem, "joined")
    if kind == b"fLaC" and (understated := find_understated(file)) is not None:
        problem = f"is damaged: it has {understated[1]} samples, and its header says "
        raise _bad(path, f"{problem}{understated[0]}", "more than its header says")


def _bad(path: Path, problem: str, reason: str) -> BadSampleError:
    return BadSampleError(f"audio file {shown(path)} {problem}", reason, path.suffix.lower())


def find_length(file: BinaryIO) -> Length | None:
    """Find what the header of a file states of the bytes of its audio; None where it does not."""
    file.seek(0)
    kind = file.read(4)
    if kind == b".snd":  # AU: a header that gives its own length, then the length of the audio
        begins, stated = (int.from_bytes(file.read(4), "big") for _ in range(2))
        return Length(8, 4, "big", stated, begins)
    if kind not in CHUNKED:
        return None
    chunks = CHUNKED[kind]
    file.seek(chunks.first)
    while len(header := file.read(4 + chunks.length_bytes)) == 4 + chunks.length_bytes:
        stated = int.from_bytes(header[4:], chunks.order)
        if header[:4] == chunks.audio:
            begins = file.tell()
            return Length(
                begins - chunks.length_bytes, chunks.length_bytes, chunks.order, stated, begins
            )
        padding = stated % 2 if chunks.length_bytes == 4 else 0
        if stated >= 1 << 62:
            return None
        file.seek(stated + padding, os.SEEK_CUR)
    return None


def correction_of_zero(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return what must stand in a header, and where, that says there is no audio where there is.

    Recorders that were stopped leave a zero, of which the decoder takes no notice in some kinds of
    file, and in others finds no audio.

    Args:
        file: The opened file; its place moves.
    """
    length, size = find_length(file), file.seek(0, os.SEEK_END)
    if length is None or length.stated or size <= length.begins or _is_chunk(file, length, size):
        return None
    rest = min(size - length.begins, (1 << 8 * length.num_bytes) - 1)
    return length.place, rest.to_bytes(length.num_bytes, length.order)


def _is_chunk(file: BinaryIO, length: Length, size: int) -> bool:
    """Return whether other chunks follow, up to the end of the file: then there is no audio."""
    place = length.begins
    while place < size:
        file.seek(place)
        header = file.read(4 + length.num_bytes)
        if len(header) < 4 + length.num_bytes or not header[:4].decode("latin-1").isprintable():
            return False
        stated = int.from_bytes(header[4:], length.order)
        place += len(header) + stated + stated % 2
    return place in (size, size + 1)


def _is_placeholder(length: int) -> bool:
    return length >= 1 << 62 or any(length in numbers for numbers in PLACEHOLDERS)


def _is_joined(file: BinaryIO) -> bool:
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
