"""What a FLAC file holds behind the samples that its header states: its decoder stops there."""

import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from datamodules.recordings.checksums import crc8, crc16

HEADER_BYTES = 26  # up to the end of what the header says of the number of samples
# The last frame is in it, but of many channels in high resolution, which are no speech.
TAIL_BYTES = 1 << 16
# The name of the kind, and the head of what describes the audio, which takes 34 bytes.
FILE_BEGINS = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
FILE_BEGINS_BYTES = 8
BLOCK_BYTES = 1 << 20
FRAME_BEGINS = re.compile(rb"\xff[\xf8\xf9]")
LONGEST_FRAME_HEADER = 16
VARIES = 1  # of a frame's second byte: it counts samples, not frames


def find_understated(file: BinaryIO) -> tuple[int, int] | None:
    """Return how many samples a FLAC file claims and how many it holds, where it holds more.

    Args:
        file: The opened file; its place moves.

    Returns:
        Both numbers; None where they agree, or the header does not know, or nobody can tell.
    """
    file.seek(0)
    header = file.read(HEADER_BYTES)
    claimed = int.from_bytes(header[21:26], "big") & ((1 << 36) - 1)
    if not claimed or header[4] & 0x7F:  # what comes first must describe the audio
        return None
    block_samples = int.from_bytes(header[8:10], "big")
    file.seek(max(HEADER_BYTES, file.seek(0, os.SEEK_END) - TAIL_BYTES))
    tail = file.read()
    ends = dict(_frame_ends(tail, block_samples))
    if claimed in ends.values():
        return None
    for place in sorted(ends, reverse=True):
        # Whatever merely looks like a frame has no checksum at the end of the file.
        if ends[place] > claimed and crc16(tail[place:]) == 0:
            return claimed, ends[place]
    return None


def is_joined_flac(file: BinaryIO) -> bool:
    """Return whether another recording begins behind the first one; reads the whole file.

    The numbers of its frames begin anew, so that the end of the file does not show it.
    """
    file.seek(FILE_BEGINS_BYTES)
    kept = b""
    while block := file.read(BLOCK_BYTES):
        if FILE_BEGINS.search(kept + block):
            return True
        kept = block[1 - FILE_BEGINS_BYTES :]
    return False


def _frame_ends(tail: bytes, block_samples: int) -> Iterator[tuple[int, int]]:
    """Find what looks like a frame: where it begins, and the sample after its last one."""
    for found in FRAME_BEGINS.finditer(tail):
        header = tail[found.start() : found.start() + LONGEST_FRAME_HEADER]
        number, place = _read_number(header)
        size, end = _read_size(header, place)
        end += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0) if len(header) > 2 else 0  # the rate
        if number is None or not size or end >= len(header) or crc8(header[: end + 1]):
            continue
        yield found.start(), size + number * (1 if header[1] & VARIES else block_samples)


def _read_number(header: bytes) -> tuple[int | None, int]:
    """Return the number of a frame or sample, written as UTF-8 writes characters, and its end."""
    first = header[4] if len(header) > 4 else 0xFF
    length = 8 - (first ^ 0xFF).bit_length()  # how many ones lead
    if length == 0:
        return first, 5
    following = header[5 : 4 + length]
    if not 2 <= length <= 7 or any(byte >> 6 != 2 for byte in following):
        return None, 5
    number = first & (0x7F >> length)
    for byte in following:
        number = number << 6 | byte & 0x3F
    return number, 4 + length


def _read_size(header: bytes, place: int) -> tuple[int, int]:
    """Return how many samples a frame has, 0 where that is not allowed, and where that ends."""
    code = header[2] >> 4 if len(header) > 2 else 0
    if code in (6, 7):
        end = place + code - 5
        return int.from_bytes(header[place:end], "big") + 1, end
    if code >= 8:
        return 256 << (code - 8), place
    return (192 if code == 1 else 576 << (code - 2) if code else 0), place
