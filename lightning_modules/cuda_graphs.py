"""What is computed while a CUDA graph is recorded: a replay repeats it, and asks nobody anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

# Of all tensors that are kept for one purpose: in bfloat16 sixteen bands of inputs that are as long
# as a GPU takes at once. The peak of a run on many lengths is higher by no more than that, or than
# a single value that is larger.
MOST_BYTES = 2**27


def is_recorded() -> bool:
    """Tell whether the calls to a GPU are being recorded, for a CUDA graph.

    Then no value can be looked at, which would wait for the GPU; and the recording is replayed with
    other values anyway. A compiler of models cannot follow the question, and records nothing.
    """
    if torch.compiler.is_compiling() or not torch.cuda.is_available():
        return False
    return torch.cuda.is_current_stream_capturing()


class Kept:
    """Values that are needed again, up to so many bytes, and besides all that a recording reads.

    A recording has the addresses of what it reads: memory that were given up would be another's at
    the next replay. What is made while something is recorded belongs to that recording alone: it
    has no values before the first replay.

    A compiler of models finds nothing here and leaves nothing. What it makes has no values yet and
    is memory of its graph; and code that had found something would be compiled anew as soon as
    anything else is kept.

    Args:
        most_bytes: So many are kept together, beside those that recordings read. A value that is
            larger is kept alone.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._values: dict[Any, Any] = {}
        self._bytes = 0
        self._read_by_recordings: dict[Any, Any] = {}

    def find(self, place: Any) -> Any:
        """Return what is kept at a place; None where nothing is."""
        if torch.compiler.is_compiling():
            return None
        value = self._values.get(place)
        if value is None:
            return self._read_by_recordings.get(place)
        if is_recorded():
            self._read_by_recordings[place] = self._values.pop(place)
            self._bytes -= _bytes_of(value)
        return value

    def keep(self, place: Any, value: Any) -> None:
        """Keep a tensor, or an object that has some.

        Where there are too many bytes, all others are given up but those of recordings.
        """
        if torch.compiler.is_compiling() or is_recorded():
            return
        num_bytes = _bytes_of(value)
        if self._bytes + num_bytes > self.most_bytes:
            self._values, self._bytes = {}, 0
        self._values[place] = value
        self._bytes += num_bytes

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Begin with nothing, and leave nothing behind."""
        before = self._values, self._bytes, self._read_by_recordings
        self._values, self._bytes, self._read_by_recordings = {}, 0, {}
        try:
            yield
        finally:
            self._values, self._bytes, self._read_by_recordings = before


def _bytes_of(value: Any) -> int:
    parts = [value] if isinstance(value, Tensor) else vars(value).values()
    return sum(part.nbytes for part in parts if isinstance(part, Tensor))
