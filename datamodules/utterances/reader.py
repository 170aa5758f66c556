"""Utterances of one source, read a batch at a time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Generator
from torch.utils.data import Dataset

from datamodules.bad_samples import BadSamples
from datamodules.base import MASKS, Batch, generator_for
from datamodules.batching.seconds_batches import BatchDraw
from datamodules.errors import BadSampleError, DataError
from datamodules.recordings.recording import Recording


class UtteranceReader(ABC):
    """Reads the utterances of one source; picklable, because loader processes get a copy.

    Args:
        recordings: The audio files.
        frames: Length of every one in frames, as far as it is used.
        bad_samples: What to do with a damaged one.
    """

    def __init__(
        self, recordings: Sequence[Recording], frames: Sequence[int], bad_samples: BadSamples
    ) -> None:
        self.recordings = recordings
        self.frames = frames
        self.bad_samples = bad_samples

    @abstractmethod
    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Read one utterance, without a batch dimension.

        Args:
            index: Which recording.
            draw: The batch that it is for: to what length all are cut or padded.
            generator: Source of chance for crops and masks.

        Raises:
            BadSampleError: It is damaged.
        """

    @abstractmethod
    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Make a batch of what `read` returned."""

    def for_evaluation(self) -> "UtteranceReader":
        """Return what reads the same recordings for validation, testing and prediction."""
        return self


class UtteranceSet(Dataset[Batch]):
    """Some utterances of a reader, read a batch at a time.

    Crops and masks depend on the seed, the epoch and the utterance alone, so that any number of
    processes and of loader workers and a run that was resumed see the same data.

    Args:
        reader: Reads them.
        indices: Which of the recordings.
        seed: Chooses crops and masks.
        in_training: Whether a batch must not be empty.
    """

    def __init__(
        self,
        reader: UtteranceReader,
        indices: Sequence[int],
        seed: int,
        in_training: bool = False,
    ) -> None:
        self.in_training = in_training
        self.reader = reader
        self.indices = indices
        self.seed = seed

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, draw: BatchDraw) -> Batch:
        """Return a batch, with `index` (batch,) int64 beside what the reader gives; or nothing.

        Raises:
            DataError: In training, none of its utterances can be read, and no other of its lengths.
        """
        read = [found for place in draw.positions if (found := self._read(place, draw)) is not None]
        if draw.positions and not read and self.in_training:
            read = [self._read_another(draw)]
        if read:
            indices, samples = zip(*read, strict=True)
            batch = self.reader.collate(list(samples), draw)
            return {**batch, "index": torch.tensor(indices)}
        return {}

    def _read_another(self, draw: BatchDraw) -> tuple[int, Batch]:
        """Read an utterance that fits into the batch: a step needs one from every process."""
        first, count = draw.positions[0], len(self.indices)
        for position in (*range(first + 1, count), *range(first)):
            frames = self.reader.frames[self.indices[position]]
            fits = draw.shortest <= frames <= draw.longest and position not in draw.positions
            if fits and (found := self._read(position, draw)) is not None:
                return found
        raise DataError(
            f"all {len(draw.positions)} utterances of a batch are damaged, and there is no other "
            f"of {draw.shortest} to {draw.longest} frames"
        )

    def _read(self, position: int, draw: BatchDraw) -> tuple[int, Batch] | None:
        index = self.indices[position]
        generator = generator_for(self.seed, index, MASKS, draw.epoch)
        try:
            return index, self.reader.read(index, draw, generator)
        except BadSampleError as error:
            self.reader.bad_samples.handle(error)
            return None
