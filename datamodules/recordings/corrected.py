"""A file some bytes of which are read as others."""

import io
import os
from typing import Any, BinaryIO


class CorrectedFile(io.RawIOBase):
    """A file in which other bytes seem to stand at one place.

    Args:
        file: The file, which is only read.
        place: Where they seem to stand.
        correction: These bytes.
    """

    def __init__(self, file: BinaryIO, place: int, correction: bytes) -> None:
        self._file = file
        self._first = place
        self._correction = correction

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or seems to be."""
        begins = self._file.tell()
        content = bytearray(self._file.read(len(buffer)))
        for place, byte in enumerate(self._correction, self._first - begins):
            if 0 <= place < len(content):
                content[place] = byte
        buffer[: len(content)] = content
        return len(content)
