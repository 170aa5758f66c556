"""Labels that others made: what their files do not say, and names that are not quite ours.

Source: what goes wrong with such files, facebookresearch/fairseq issues 5005, 5097, 3795, 4521.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.counted import counted_of
from datamodules.errors import DataError
from datamodules.labels.format import RATES_HZ, LabelFacts
from datamodules.labels.frame_labels import FrameLabels
from datamodules.recordings.layouts import SUFFIXES
from datamodules.recordings.recording import Recording


class ForeignLabels(FrameLabels):
    """Labels of others. A recording is found by its name, or by its utterance where that is unique.

    Fronts of others pad or cut the end of a recording otherwise than HuBERT: a frame more or less
    is usual.

    Args:
        path: Where they are, as the user gave it.
        facts: Facts about all of them.
        names: The recordings that they are of.
        counts: How many labels each has, (recordings,) int64.

    Raises:
        DataError: A recording is named twice.
    """

    slack_frames = 1

    def __init__(
        self, path: str | Path, facts: LabelFacts, names: list[str], counts: NDArray[np.int64]
    ) -> None:
        super().__init__(path, facts, names, counts)
        if len(self._places) < len(names):
            raise DataError(f"`labels` {self.path} names a recording twice")
        self._utterances = {utterance_of(name): place for place, name in enumerate(names)}
        if len(self._utterances) < len(names):
            self._utterances = {}

    def find(self, name: str) -> int | None:
        """Return the place of a recording, also where only folders and endings differ, or None."""
        place = super().find(name)
        return self._utterances.get(utterance_of(name)) if place is None else place

    def check_counts(self, recordings: Sequence[Recording]) -> None:
        """Compare the labels with the audio, and say how many recordings have a frame more or less.

        Raises:
            DataError: As for all labels; or another rate would fit, or two recordings would have
                the same labels.
        """
        self._check_distinct(recordings)
        counts = np.array([self.count(recording.name) for recording in recordings])
        samples = np.array([recording.num_samples for recording in recordings])
        rate = fitting_rate(counts, samples)
        if rate not in (None, self.facts.rate_hz):
            raise DataError(
                f"`label_rate_hz` must be {rate} for `labels` {self.path}, to go with the audio, "
                f"got {self.facts.rate_hz}"
            )
        super().check_counts(recordings)
        if uneven := int(np.count_nonzero(counts != self.facts.count_for(samples))):
            warnings.warn(
                f"{counted_of(uneven, len(recordings), 'recording', 'has', 'have')} a few labels "
                f"more or less than frames in {self.path}: further ones are left out, the last "
                "one is repeated",
                stacklevel=2,
            )

    def _check_distinct(self, recordings: Sequence[Recording]) -> None:
        owners: dict[int, str] = {}
        for recording in recordings:
            owner = owners.setdefault(self._place(recording.name), recording.name)
            if owner != recording.name:
                raise DataError(
                    f"`labels` {self.path} must name its recordings as `source` does, where "
                    f"{owner} and {recording.name} are two"
                )


def utterance_of(name: str) -> str:
    """Return a name without its folders and the ending of an audio file."""
    last = name.rpartition("/")[2]
    ending = Path(last).suffix
    return last.removesuffix(ending) if ending.lower() in SUFFIXES else last


def fitting_rate(
    counts: Sequence[int] | NDArray[np.int64], samples: Sequence[int] | NDArray[np.int64]
) -> int | None:
    """Return the rate, 50 or 100 Hz, at which recordings have about so many labels, or None.

    Args:
        counts: Labels of every recording.
        samples: Audio samples of every recording, at 16 kHz.
    """
    of_all = np.maximum(np.asarray(samples), 400)
    for rate in RATES_HZ:
        expected = LabelFacts(1, rate, None, "").count_for(of_all)
        # A recording of others' may be a frame off; what has half as many labels is far away.
        if abs(np.sum(counts) / np.sum(expected) - 1) <= 0.2:
            return rate
    return None
