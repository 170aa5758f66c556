"""How long its header says that the audio of a file is, in bytes, and what else the file holds."""

import os
import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

# What programs that write to a pipe state for the length of the audio, which they do not know:
# zero, or a number near the largest of 31 or of 32 bits. CAF has -1.
PLACEHOLDERS = (range(1), range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
# What other programs append without a chunk: a tag, or a few bytes, which nobody would miss.
TAGS = (b"ID3", b"APETAGEX")
MOST_TAIL_BYTES = 1024
# Audio that is read as a chunk has some number for its length, nearly always one far beyond the end
# of the file. A chunk that was cut short has pictures or texts, which do not take more than this.
MOST_CUT_BYTES = 1 << 24
CHUNK_NAME = re.compile(rb"[ -~]{4}")


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

    @property
    def is_known(self) -> bool:
        """Whether whoever wrote it knew the length."""
        return self.stated < 1 << 62 and not any(self.stated in each for each in PLACEHOLDERS)

    @property
    def ends(self) -> int:
        """Where the audio ends."""
        return self.begins + self.stated


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
        if stated >= 1 << 62:
            return None
        file.seek(stated + _padding(stated, chunks.length_bytes), os.SEEK_CUR)
    return None


def correction_of_zero(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return what must stand in a header, and where, that says there is no audio where there is.

    Recorders that were stopped leave a zero, of which the decoder takes no notice in some kinds of
    file, and in others finds no audio.

    Args:
        file: The opened file; its place moves.
    """
    length, size = find_length(file), file.seek(0, os.SEEK_END)
    if length is None or length.stated or size <= length.begins:
        return None
    if _end_of_chunks(file, length, length.begins) in (size, size + 1):  # then there is no audio
        return None
    rest = min(size - length.begins, (1 << 8 * length.num_bytes) - 1)
    return length.place, rest.to_bytes(length.num_bytes, length.order)


def count_unstated(file: BinaryIO, length: Length) -> int:
    """Return how many bytes follow the audio that are neither chunks nor what others append.

    They are audio: a recorder that was stopped may have stated the length of its first block, and
    one that recorded more than a header can state, the rest of it.

    Args:
        file: The opened file; its place moves.
        length: It is known.
    """
    # Some programs do not fill up audio of an odd length.
    return min(_count_behind(file, length, length.ends + padding) for padding in (0, 1))


def _count_behind(file: BinaryIO, length: Length, place: int) -> int:
    """Count the bytes behind a place, where chunks may begin, as `count_unstated` does."""
    size, place = file.seek(0, os.SEEK_END), _end_of_chunks(file, length, place)
    if size - place <= MOST_TAIL_BYTES:
        return 0
    file.seek(place)
    is_tag = file.read(max(map(len, TAGS))).startswith(TAGS)
    return 0 if is_tag or _has_only_zeros(file, place) else size - place


def _end_of_chunks(file: BinaryIO, length: Length, place: int) -> int:
    """Return where chunks end that follow each other from a place on, of which the file has some.

    It is behind the end of the file where the last one was cut short.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(place)
    while len(header := file.read(4 + length.num_bytes)) == 4 + length.num_bytes:
        stated = int.from_bytes(header[4:], length.order)
        is_cut = place + len(header) + stated > size
        if not CHUNK_NAME.fullmatch(header[:4]) or (is_cut and stated > MOST_CUT_BYTES):
            break
        place += len(header) + stated + _padding(stated, length.num_bytes)
        file.seek(place)
    return place


def _has_only_zeros(file: BinaryIO, place: int) -> bool:
    """Return whether nothing else follows a place: some programs fill up a block of the disk."""
    file.seek(place)
    while block := file.read(1 << 16):
        if block.strip(b"\0"):
            return False
    return True


def _padding(stated: int, length_bytes: int) -> int:
    """Return the bytes that fill up a chunk; CAF, whose lengths have 8 bytes, has none."""
    return stated % 2 if length_bytes == 4 else 0
