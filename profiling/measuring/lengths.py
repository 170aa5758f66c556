"""Look through a data set for the lengths of its samples, in a child."""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from datamodules.counted import counted
from datamodules.errors import DataError
from datamodules.lengths import LengthDistribution
from datamodules.modalities.real import RealData
from datamodules.sampling import Sampling
from datamodules.utterances.base import UtteranceData
from profiling.measuring.data_blocks import DataOfLengths, build_any_data

# A log file needs a line now and then; a terminal's line is written over.
SECONDS_BETWEEN_LINES = 10.0
SECONDS_ON_A_TERMINAL = 0.5


@dataclass
class ReadingProgress:
    """Says on stderr how far a long reading is; of a short one nothing.

    Args:
        is_terminal: Whether one line is written over and over.
    """

    is_terminal: bool = field(default_factory=sys.stderr.isatty)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._last = self.began

    def __call__(self, done: int, total: int) -> None:
        """Hear how many samples are done, and of how many."""
        now = time.monotonic()
        pause = SECONDS_ON_A_TERMINAL if self.is_terminal else SECONDS_BETWEEN_LINES
        if now - self._last < pause and not (done >= total and self._last > self.began):
            return
        self._last = now
        left_s = (now - self.began) * (total - done) / done
        line = (
            f"lengths: {min(done, total):,} of {counted(total, 'sample')}, "
            f"{max(0.0, left_s):.0f} s left"
        )
        if self.is_terminal:
            print(f"\r{line:<70}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def read_lengths(task: dict[str, Any]) -> tuple[LengthDistribution, list[str], list[str]]:
    """Return the lengths of the data of a block, which samples were left out, and what to know.

    Args:
        task: `block`, the data block; `sample`, how many samples to draw, or None for all; `seed`,
            of the draw.

    Returns:
        The distribution, a message for each sample that was left out as damaged, and sentences
        about what the block does to the lengths.

    Raises:
        DataError: The data cannot be read, or are of a class that does not draw samples.
    """
    data = build_any_data(task["block"])
    sampling = Sampling(task["sample"], task["seed"], ReadingProgress())
    if isinstance(data, RealData | UtteranceData):
        data.sampling = sampling
    found = data.lengths()
    if task["sample"] is not None and not sampling.is_obeyed:
        raise DataError(f"`sample` must have data to draw from, got {type(data).__name__}")
    return found, data.skipped, _notes_of(data)


def _notes_of(data: DataOfLengths) -> list[str]:
    notes = data.length_notes if isinstance(data, UtteranceData) else []
    if data.cuts_at is None:
        return notes
    return [
        f"the `data` block cuts longer samples at {data.cuts_at}, and what it cuts is not counted "
        "as cut here",
        *notes,
    ]
