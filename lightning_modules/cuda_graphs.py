"""What is computed while a CUDA graph is recorded: a replay repeats it, and asks nobody anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def is_recorded() -> bool:
    """Tell whether the calls to a GPU are being recorded, for a CUDA graph.

    Then no value can be looked at, which would wait for the GPU; and the recording is replayed with
    other values anyway. A compiler of models cannot follow the question, and records nothing.
    """
    if torch.compiler.is_compiling() or not torch.cuda.is_available():
        return False
    return torch.cuda.is_current_stream_capturing()


class Kept:
    """Values that are needed again, so many at most, and besides all that a recording reads.

    A recording has the addresses of what it reads: memory that were given up would be another's at
    the next replay. What is made while something is recorded belongs to that recording alone: it
    has no values before the first replay.

    Args:
        most: As many are kept, beside those that recordings read.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: dict[Any, Any] = {}
        self._read_by_recordings: set[Any] = set()

    def find(self, place: Any) -> Any:
        """Return what is kept at a place; None where nothing is."""
        value = self._values.get(place)
        if value is not None and is_recorded():
            self._read_by_recordings.add(place)
        return value

    def keep(self, place: Any, value: Any) -> None:
        """Keep a value; where there are too many, all are given up but those of recordings."""
        if is_recorded():
            return
        if len(self._values) >= self.most + len(self._read_by_recordings):
            held = self._read_by_recordings.intersection(self._values)
            self._values = {place: self._values[place] for place in held}
        self._values[place] = value

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Begin with nothing, and leave nothing behind."""
        before, self._values = self._values, {}
        try:
            yield
        finally:
            self._values = before
