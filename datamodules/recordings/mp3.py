"""Where the audio of an mp3 file is, which its decoder does not always know.

Without an index, which LAME calls Xing or Info, the decoder estimates a length from the first
frame, which is wrong where frames differ. The index of joined files is that of the first.
"""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

INDEX = re.compile(rb"Xing|Info")
INDEX_FIELDS = 16  # bytes: the name, flags, number of frames, number of bytes
INDEX_BYTES = 156  # of an index with what LAME adds
DELAY_BYTES = 141  # of an index before what LAME says of silence at the beginning
DECODER_DELAY = 529  # samples, which a decoder adds to the encoder's
ID3_END_BYTES = 128
# Bytes of a frame before the name of its index: mono of a low rate, either, stereo of a high one.
BEFORE_NAME = (13, 21, 36)
BLOCK_BYTES = 1 << 20
FRAME_BYTES = 1 << 12  # more than any frame has
UNKNOWN_END = 1 << 40  # bytes, where a file of unknown length pretends to end


@dataclass(frozen=True)
class Mp3Audio:
    """Where the audio of an mp3 file is.

    Args:
        is_known: Whether the length that its decoder states can be believed.
        pieces: First byte, and the one after the last, of all that is no index.
        delay: Samples of silence that the encoder put before the first one.
    """

    is_known: bool
    pieces: tuple[tuple[int, int], ...]
    delay: int


def find_mp3_audio(file: BinaryIO) -> Mp3Audio:
    """Find the audio of an mp3 file, and whether its index covers the whole of it.

    Args:
        file: The opened file; its place moves.
    """
    size, start = file.seek(0, os.SEEK_END), _skip_id3(file)
    frame = _read_at(file, start, FRAME_BYTES)
    name = INDEX.search(frame)
    if name is None:
        return Mp3Audio(False, ((start, size),), 0)
    fields = frame[name.start() : name.start() + INDEX_FIELDS]
    has_both = int.from_bytes(fields[4:8], "big") & 3 == 3
    is_tagged = _read_at(file, max(0, size - ID3_END_BYTES), 3) == b"TAG"
    end = size - ID3_END_BYTES if is_tagged else size
    if has_both and start + int.from_bytes(fields[12:16], "big") == end:
        return Mp3Audio(True, ((start, size),), 0)
    delay = frame[name.start() + DELAY_BYTES :][:2]
    return Mp3Audio(
        False,
        tuple(_between(_find_indices(file, start, frame[:2]), start, size)),
        DECODER_DELAY + (int.from_bytes(delay, "big") >> 4),  # the upper 12 bits
    )


def _find_indices(file: BinaryIO, start: int, first_bytes: bytes) -> Iterator[tuple[int, int]]:
    """Find the frames that are indices: the first of every file of several that were joined."""
    place = start
    while len(block := _read_at(file, place, BLOCK_BYTES + FRAME_BYTES)):
        for name in INDEX.finditer(block, 0, BLOCK_BYTES):
            for before in BEFORE_NAME:
                begins = name.start() - before
                # The frames after an index have its first eleven bits and its version.
                ends = block.find(first_bytes, name.start() + INDEX_BYTES)
                if begins >= 0 and block.startswith(first_bytes, begins) and ends > 0:
                    yield place + begins, place + ends
        place += BLOCK_BYTES - max(BEFORE_NAME)


def _between(
    left_out: Iterator[tuple[int, int]], start: int, end: int
) -> Iterator[tuple[int, int]]:
    cuts = [(start, start), *sorted(set(left_out)), (end, end)]
    for (_, first), (last, _) in pairwise(cuts):
        if first < last:
            yield first, last


def _skip_id3(file: BinaryIO) -> int:
    """Return where the tag at the beginning of an mp3 file ends."""
    header = _read_at(file, 0, 10)
    if header[:3] != b"ID3" or len(header) < 10:
        return 0
    length = 0
    for byte in header[6:]:  # seven bits of each
        length = length << 7 | byte & 0x7F
    return 10 + length


def _read_at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)


class EndlessFile(io.RawIOBase):
    """Pieces of an mp3 file whose decoder must not estimate a length: it pretends to be very long.

    Args:
        file: The file.
        pieces: First byte, and the one after the last, of each piece.
    """

    def __init__(self, file: BinaryIO, pieces: tuple[tuple[int, int], ...]) -> None:
        self._file = file
        self._pieces = pieces
        self._place = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, which may be anywhere."""
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: UNKNOWN_END}
        self._place = bases[whence] + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read what is there; zeros at the end, where the decoder looks for a tag."""
        if self._place >= UNKNOWN_END // 2:
            buffer[:] = bytes(len(buffer))
            self._place += len(buffer)
            return len(buffer)
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def _read(self, count: int) -> bytes:
        """Read what is at the place, over the ends of pieces."""
        parts, before = [], self._place
        for first, end in self._pieces:
            if count and before < end - first:
                parts.append(_read_at(self._file, first + before, min(count, end - first - before)))
                count -= len(parts[-1])
            before = max(0, before - (end - first))
        return b"".join(parts)
