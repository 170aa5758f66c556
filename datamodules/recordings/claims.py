"""What the header of an audio file claims, held against the file itself.

libsndfile believes some headers more than it should: it does not miss what was cut off, and stops
where the first of several joined recordings ends.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from datamodules.errors import BadSampleError, shown

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


def check_whole(file: BinaryIO, path: Path) -> None:
    """Check that a file ends where its header says, and holds one recording.

    Args:
        file: The opened file; its place moves.
        path: What the message calls it.

    Raises:
        BadSampleError: It was cut short, or several recordings were joined.
    """
    file.seek(0)
    kind = file.read(4)
    promised, size = _promised_bytes(file, kind), file.seek(0, os.SEEK_END)
    if size < promised:
        problem = f"is damaged: it has {size} bytes of {promised}"
        raise BadSampleError(
            f"audio file {shown(path)} {problem}", "cut short", path.suffix.lower()
        )
    if kind == b"OggS" and _is_joined(file):
        problem = "holds several Ogg recordings one after the other: save them one by one"
        raise BadSampleError(f"audio file {shown(path)} {problem}", "joined", path.suffix.lower())


def _promised_bytes(file: BinaryIO, kind: bytes) -> int:
    """Return where the audio of a file must end; zero where the file does not say."""
    if kind == b".snd":  # AU: a header that gives its own length, then the length of the audio
        header_bytes, length = (int.from_bytes(file.read(4), "big") for _ in range(2))
        return 0 if _is_placeholder(length) else header_bytes + length
    if kind not in CHUNKED:
        return 0
    chunks = CHUNKED[kind]
    file.seek(chunks.first)
    while len(header := file.read(4 + chunks.length_bytes)) == 4 + chunks.length_bytes:
        length = int.from_bytes(header[4:], chunks.order)
        if header[:4] == chunks.audio:
            return 0 if _is_placeholder(length) else file.tell() + length
        padding = length % 2 if chunks.length_bytes == 4 else 0
        if length >= 1 << 62:
            return 0
        file.seek(length + padding, os.SEEK_CUR)
    return 0


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
