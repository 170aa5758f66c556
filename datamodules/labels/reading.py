"""Cluster labels of recordings, read from a folder a line at a time."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.errors import BadSampleError, DataError
from datamodules.labels.format import (
    FACTS_FILE,
    LABELS_FILE,
    MODEL_RATE_HZ,
    NAMES_FILE,
    find_lines,
    read_facts,
    read_names,
)
from datamodules.recordings.recording import Recording

# So many recordings have their labels read before training; the others when they are used.
CHECKED_RECORDINGS = 100


class LabelFolder:
    """The labels of a folder; picklable, because loader processes get a copy.

    Args:
        path: The folder, as `python train.py labels` writes it.

    Raises:
        DataError: One of its files is missing, empty, cut short or of another kind.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.facts = read_facts(self.path / FACTS_FILE)
        self.names, self._counts = read_names(self.path / NAMES_FILE)
        self._places = {name: place for place, name in enumerate(self.names)}
        self._starts, found = find_lines(self.path / LABELS_FILE)
        self._file: BinaryIO | None = None
        if len(self._places) < len(self.names):
            raise DataError(f"`labels` {self.path / NAMES_FILE} names a recording twice")
        if len(found) != len(self.names):
            raise DataError(
                f"`labels` {self.path / LABELS_FILE} must have {len(self.names)} lines, one for "
                f"every recording of {NAMES_FILE}, got {len(found)}"
            )
        if (wrong := np.flatnonzero(found != self._counts)).size:
            place = wrong[0]
            raise DataError(
                f"`labels` {self.path / LABELS_FILE} must have {self._counts[place]} labels for "
                f"{self.names[place]}, as {NAMES_FILE} says, got {found[place]}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}  # every process opens its own

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self._file.close()  # type: ignore[union-attr]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def count(self, name: str) -> int:
        """Return how many labels a recording has, at the rate of the folder."""
        return int(self._counts[self._place(name)])

    def ids(self, name: str) -> NDArray[np.int64]:
        """Read all labels of a recording, at the rate of the folder, (labels,) int64.

        Raises:
            DataError: There are none of it.
            BadSampleError: They are damaged, or not below the number of clusters.
        """
        place = self._place(name)
        if self._file is None:
            self._file = (self.path / LABELS_FILE).open("rb", buffering=0)
        start, end = int(self._starts[place]), int(self._starts[place + 1])
        # This reads at a place of its own: processes that were forked share the place of the file.
        line = os.pread(self._file.fileno(), end - start, start)
        try:
            labels = np.fromiter(map(int, line.split()), np.int64)
        except (ValueError, OverflowError) as error:
            raise BadSampleError(f"{self._labels_of(name)} are damaged: {error}") from error
        if len(labels) != self._counts[place]:
            raise BadSampleError(
                f"{self._labels_of(name)} must be {self._counts[place]}, got {len(labels)}"
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.facts.num_clusters:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise BadSampleError(
                f"{self._labels_of(name)} must be from 0 to {self.facts.num_clusters - 1}, "
                f"got {wrong}"
            )
        return labels

    def labels(self, name: str, first_frame: int = 0, num_frames: int | None = None) -> Tensor:
        """Read the labels of some frames of the model.

        Args:
            name: Of a recording.
            first_frame: First frame, at 50 Hz; a crop from it on begins at audio sample
                320 * first_frame.
            num_frames: How many frames; None takes all that follow.

        Returns:
            (num_frames,) int64. Of labels at 100 Hz it is every second one, which sees the same
            audio samples as the frame.

        Raises:
            DataError: There are none of this recording, or not of so many frames.
            BadSampleError: They are damaged, or not below the number of clusters.
        """
        on_grid = self.ids(name)[:: self.facts.rate_hz // MODEL_RATE_HZ]
        end = len(on_grid) if num_frames is None else first_frame + num_frames
        if not 0 <= first_frame <= end <= len(on_grid):
            raise DataError(
                f"{self._labels_of(name)} are of {len(on_grid)} frames, which must include "
                f"{first_frame} to {end - 1}"
            )
        return torch.from_numpy(on_grid[first_frame:end].copy())

    def check(self, recordings: Sequence[Recording]) -> None:
        """Compare the labels with the audio, before anything is trained.

        Raises:
            DataError: A recording has no labels or another number of them, or, of some recordings
                that are read, labels are damaged or not below the number of clusters.
        """
        for recording in recordings:
            expected, got = self.facts.count_for(recording.num_samples), self.count(recording.name)
            if got != expected:
                raise DataError(
                    f"{self._labels_of(recording.name)} must be {expected}, for "
                    f"{recording.num_samples} samples at {self.facts.rate_hz} Hz, got {got}"
                )
        for recording in recordings[:: max(1, len(recordings) // CHECKED_RECORDINGS)]:
            self.ids(recording.name)

    def _place(self, name: str) -> int:
        if name not in self._places:
            raise DataError(f"`labels` {self.path} must have labels of recording {name}")
        return self._places[name]

    def _labels_of(self, name: str) -> str:
        return f"the labels of recording {name} in {self.path / LABELS_FILE}"
