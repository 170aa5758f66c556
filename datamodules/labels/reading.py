"""Cluster labels of recordings, read from text files a line at a time."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from datamodules.counted import counted
from datamodules.errors import DataError
from datamodules.labels.format import (
    FACTS_FILE,
    LABELS_FILE,
    NAMES_FILE,
    find_lines,
    read_facts,
    read_names,
)
from datamodules.labels.frame_labels import FrameLabels
from datamodules.labels.origin import read_origin


class LabelLines:
    """The lines of a file of labels; picklable, because every process opens its own file.

    Args:
        path: The file: a line for every recording, numbers separated by spaces.

    Attributes:
        counts: How many labels each line has, (lines,) int64.

    Raises:
        DataError: The file is missing, empty or cut short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._starts, self.counts = find_lines(path)
        self._file: BinaryIO | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}  # every process opens its own

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self._file.close()  # type: ignore[union-attr]

    def read(self, place: int) -> NDArray[np.int64]:
        """Read a line, (labels,) int64.

        Raises:
            ValueError: It has something else than numbers.
            OverflowError: A number fits no 64 bits.
        """
        if self._file is None:
            self._file = self.path.open("rb", buffering=0)
        start, end = int(self._starts[place]), int(self._starts[place + 1])
        # This reads at a place of its own: processes that were forked share the place of the file.
        line = os.pread(self._file.fileno(), end - start, start)
        return np.fromiter(map(int, line.split()), np.int64)


class LabelFolder(FrameLabels):
    """The labels of a folder.

    Args:
        path: The folder, as `python train.py labels` writes it.

    Attributes:
        origin: What is known of the recordings that the labels were made of.

    Raises:
        DataError: One of its files is missing, empty, cut short or of another kind.
    """

    def __init__(self, path: str | Path) -> None:
        folder = Path(path)
        facts = read_facts(folder / FACTS_FILE)
        super().__init__(folder, facts, *read_names(folder / NAMES_FILE))
        self.origin = read_origin(folder / FACTS_FILE)
        self._lines = LabelLines(folder / LABELS_FILE)
        if len(self._places) < len(self.names):
            raise DataError(f"`labels` {self.path / NAMES_FILE} names a recording twice")
        check_line_count(self._lines, len(self.names), NAMES_FILE)
        if (wrong := np.flatnonzero(self._lines.counts != self._counts)).size:
            place = wrong[0]
            raise DataError(
                f"`labels` {self.path / LABELS_FILE} must have "
                f"{counted(self._counts[place], 'label')} for "
                f"{self.names[place]}, as {NAMES_FILE} says, got {self._lines.counts[place]}"
            )

    def read(self, place: int) -> NDArray[np.int64]:
        """Read a line of `labels.km`, (labels,) int64."""
        return self._lines.read(place)

    @property
    def damaged(self) -> Collection[str]:
        """Names of the recordings that could not be read, as far as the folder notes them."""
        return self.origin.damaged or {}

    def _labels_of(self, name: str) -> str:
        return f"the labels of recording {name} in {self.path / LABELS_FILE}"


def check_line_count(lines: LabelLines, expected: int, listed_in: str) -> None:
    """Raise DataError unless there is a line for every recording."""
    if len(lines.counts) != expected:
        raise DataError(
            f"`labels` {lines.path} must have {counted(expected, 'line')}, one for every "
            f"recording of {listed_in}, got {len(lines.counts)}"
        )
