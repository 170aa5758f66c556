"""Cluster labels of the frames of recordings, wherever they are kept."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.counted import counted
from datamodules.errors import BadSampleError, DataError, shown
from datamodules.labels.format import MODEL_RATE_HZ, LabelFacts
from datamodules.recordings.recording import Recording

# So many recordings have their labels read before training; the others when they are used.
CHECKED_RECORDINGS = 100


class FrameLabels(ABC):
    """The labels of recordings by name; picklable, because loader processes get a copy.

    Args:
        path: Where they are, as the user gave it.
        facts: Facts about all of them.
        names: The recordings that they are of.
        counts: How many labels each has, (recordings,) int64.

    Attributes:
        slack_frames: Frames of the model, of 20 ms, by which labels may be more or fewer than those
            of the audio. The label of a frame that lacks one is the last label.
    """

    slack_frames = 0

    def __init__(
        self, path: str | Path, facts: LabelFacts, names: list[str], counts: NDArray[np.int64]
    ) -> None:
        self.path = Path(path)
        self.facts = facts
        self.names = names
        self._counts = counts
        self._places = {name: place for place, name in enumerate(names)}

    @abstractmethod
    def read(self, place: int) -> NDArray[np.int64]:
        """Read the labels of the recording at a place of `names`, (labels,) int64.

        Raises:
            ValueError: They are no numbers.
            TypeError: One is missing.
            OverflowError: One fits no 64 bits.
        """

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> int | None:
        """Return the place of a recording in `names`, or None."""
        return self._places.get(name)

    def count(self, name: str) -> int:
        """Return how many labels a recording has, at the rate of the facts."""
        return int(self._counts[self._place(name)])

    def ids(self, name: str) -> NDArray[np.int64]:
        """Read all labels of a recording, at the rate of the facts, (labels,) int64.

        Raises:
            DataError: There are none of it.
            BadSampleError: They are damaged, or not below the number of clusters.
        """
        place = self._place(name)
        try:
            labels = self.read(place)
        except (ValueError, TypeError, OverflowError) as error:
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
        if not 0 <= first_frame <= end <= len(on_grid) + self.slack_frames:
            raise DataError(
                f"{self._labels_of(name)} are of {counted(len(on_grid), 'frame')}, which must "
                f"include {first_frame} to {end - 1}"
            )
        taken = np.minimum(np.arange(first_frame, end), len(on_grid) - 1)
        return torch.from_numpy(on_grid[taken])

    def check(self, recordings: Sequence[Recording]) -> None:
        """Compare the labels with the audio, before anything is trained.

        Raises:
            DataError: A recording has no labels or another number of them, or, of some recordings
                that are read, labels are damaged or not below the number of clusters.
        """
        lacking = [recording.name for recording in recordings if recording.name not in self]
        if lacking:
            more = (
                f", and of {counted(len(lacking) - 1, 'other that has', 'others that have')} none"
                if lacking[1:]
                else ""
            )
            raise DataError(
                f"`labels` {self.path} must have labels of recording {shown(lacking[0])}{more}"
            )
        self.check_counts(recordings)
        for recording in recordings[:: max(1, len(recordings) // CHECKED_RECORDINGS)]:
            self.ids(recording.name)

    def check_counts(self, recordings: Sequence[Recording]) -> None:
        """Compare the number of labels of recordings, which all have some, with the audio.

        Raises:
            DataError: One differs by more than the slack.
        """
        for recording in recordings:
            self.check_count(recording)

    def check_count(self, recording: Recording) -> None:
        """Compare the number of labels with the audio.

        Raises:
            DataError: It differs by more than the slack.
        """
        expected, got = self.facts.count_for(recording.num_samples), self.count(recording.name)
        slack = self.slack_frames * self.facts.rate_hz // MODEL_RATE_HZ
        if not got or abs(got - expected) > slack:
            within = f" (give or take {slack})" if slack else ""
            raise DataError(
                f"{self._labels_of(recording.name)} must be {expected}{within}, for "
                f"{recording.num_samples} samples at {self.facts.rate_hz} Hz, got {got}"
            )

    def _place(self, name: str) -> int:
        place = self.find(name)
        if place is None:
            raise DataError(f"`labels` {self.path} must have labels of recording {name}")
        return place

    def _labels_of(self, name: str) -> str:
        return f"the labels of recording {shown(name)} in {self.path}"
