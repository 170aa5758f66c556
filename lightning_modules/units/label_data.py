"""What the unit extractor asks of a datamodule, which belongs to a package it never imports."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class LabelWriter(Protocol):
    """Takes the labels of one recording after the other."""

    def add(self, name: str, labels: NDArray[np.int64]) -> None:
        """Write the labels of a recording, (frames,); of a damaged one there are none."""

    def close(self) -> None:
        """Finish the file."""


class Labels(Protocol):
    """The labels of all recordings, complete."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the recordings that have labels."""

    @property
    def damaged(self) -> Collection[str]:
        """Names of those that have none because they could not be read, as far as is known."""

    def ids(self, name: str) -> NDArray[np.int64]:
        """Return the labels of a recording, (frames,)."""

    def __contains__(self, name: str) -> bool: ...


class LabelData(Protocol):
    """Recordings to be labelled, one in a batch, and the files that their labels go to."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all recordings; `index` of a batch counts them."""

    def sample_dataloader(self) -> Iterable[dict[str, Tensor]]:
        """Return all recordings in random order, as `input_values` (1, samples) and `index`."""

    def has_labels(self, folder: str) -> bool:
        """Return whether a folder holds labels, if only of some recordings."""

    def is_labelled(self, folder: str) -> bool:
        """Return whether a folder holds labels of all recordings: nothing is written there."""

    def note_recordings(self, folder: str) -> None:
        """Note that these recordings, and no others, are to be labelled in a folder."""

    def open_labels(self, folder: str, rank: int, **facts: Any) -> LabelWriter | None:
        """Begin to label or go on; None where nothing is left to do."""

    def join_labels(self, folder: str) -> Labels:
        """Join what all processes wrote."""
