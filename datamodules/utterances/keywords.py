"""Recordings of one keyword each, in a folder for every keyword."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import torch
from torch import Tensor

from datamodules.bad_samples import BadSamples
from datamodules.errors import DataError
from datamodules.recordings.recording import Recording
from datamodules.utterances.uncropped import UncroppedReader, UncroppedSpeech


class KeywordReader(UncroppedReader):
    """Reads recordings and their classes.

    Args:
        recordings: The audio files.
        numbers: Their classes.
        mask_probability: Share of the frames that masked spans of 10 frames would cover side by
            side; 0 hides nothing.
        bad_samples: Stops at a damaged one, or skips it and counts it.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        numbers: Sequence[int],
        mask_probability: float,
        bad_samples: BadSamples,
    ) -> None:
        super().__init__(recordings, mask_probability, bad_samples)
        self.numbers = numbers

    def labels(self, index: int) -> Tensor:
        """Return the class of a recording, () int64."""
        return torch.tensor(self.numbers[index])

    def collate_labels(self, labels: list[Tensor]) -> Tensor:
        """Stack the classes, (batch,) int64."""
        return torch.stack(labels)


class KeywordSpeech(UncroppedSpeech):
    """Recordings whose class is the name of the folder they lie in, as in Speech Commands.

    Folders that begin with `_`, where Speech Commands has its noises, are left out.

    Args:
        source: Folder with a folder for every class, or a manifest of one: the training recordings.
        kwargs: Settings of UncroppedSpeech.
    """

    label_kind = "classes"

    def __init__(self, source: str, **kwargs: Any) -> None:
        super().__init__(source, **kwargs)
        if self.layout not in ("auto", "folder", "manifest"):
            raise DataError(
                "`layout` must be one of auto, folder, manifest for keywords, whose class is a "
                f"folder, got {self.layout}"
            )

    @cached_property
    def classes(self) -> list[str]:
        """The names of the classes of the training recordings, sorted."""
        return sorted(set(map(class_of, self.train_reader.recordings)))

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> KeywordReader:
        """Find the class of every recording.

        Raises:
            DataError: A recording lies in no folder, or is of a class that training does not have.
        """
        noises = [each.path for each in recordings if class_of(each).startswith("_")]
        bad_samples.leave_out(noises, "in a folder that begins with _")
        chosen = [recording for recording in recordings if not class_of(recording).startswith("_")]
        found = sorted(set(map(class_of, chosen)))
        classes = found if split == "train" else self.classes
        unknown = [name for name in found if name not in classes]
        if unknown:
            raise DataError(
                f"`{split}_source` must have classes of `source` only, got {', '.join(unknown)}"
            )
        if len(classes) < 2:
            raise DataError(
                f"`source` {self.source} must have recordings in at least 2 folders, one for each "
                f"class, got {', '.join(classes) or 'none'}"
            )
        numbers = [classes.index(class_of(recording)) for recording in chosen]
        return KeywordReader(chosen, numbers, self.mask_probability, bad_samples)


def class_of(recording: Recording) -> str:
    """Return the name of the folder that a recording lies in.

    Raises:
        DataError: It lies in none.
    """
    folder = PurePosixPath(recording.name).parent.name
    if not folder:
        raise DataError(
            f"`source` must have every recording in the folder of its class, got {recording.name}"
        )
    return folder
