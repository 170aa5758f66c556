"""What the real data of all modalities share: choosing samples, skipping bad ones, loaders."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Generator
from torch.utils.data import DataLoader, Dataset

from datamodules.bad_samples import BadSamples
from datamodules.base import MASKS, REPETITIONS, Batch, ModalityData, generator_for
from datamodules.batching.length_buckets import (
    Draw,
    LengthBucketSampler,
    hold_out,
    order_by_nearness,
)
from datamodules.errors import BadSampleError, DataError, validate_minimum
from datamodules.lengths import LengthDistribution

HELD_OUT_FRACTION = 0.05


class SampleReader(ABC):
    """Reads the samples of one data set; picklable, because loader processes get a copy.

    `lengths` has the length of every sample on the modality's axis, `bad_samples` those left out.
    """

    lengths: Sequence[int]
    bad_samples: BadSamples

    @abstractmethod
    def read(
        self, index: int, length: int | None = None, generator: Generator | None = None
    ) -> Batch:
        """Read one sample, without a batch dimension.

        Args:
            index: Which sample.
            length: Longest wanted on the modality's axis; None takes the data set's own limit.
            generator: Source of chance for masks; None draws from torch's own.

        Raises:
            BadSampleError: the sample is damaged.
        """

    @abstractmethod
    def collate(self, samples: list[Batch], length: int | None = None) -> Batch:
        """Make a batch, padded to `length` or to the longest sample."""


class SampleSet(Dataset[Batch | None]):
    """Some samples of a reader; a damaged one that may be skipped is None.

    Masks depend on the seed, the epoch and the sample alone, so that two models, two numbers of
    loader processes and a run that was resumed see the same data.
    """

    def __init__(self, reader: SampleReader, indices: Sequence[int], seed: int) -> None:
        self.reader = reader
        self.indices = indices
        self.seed = seed

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, drawn: int | Draw) -> Batch | None:
        draw = drawn if isinstance(drawn, Draw) else Draw(drawn, 0)
        index = self.indices[draw.position]
        try:
            return self.reader.read(
                index, generator=generator_for(self.seed, index, MASKS, draw.epoch)
            )
        except BadSampleError as error:
            self.reader.bad_samples.handle(error)
            return None

    def collate(self, samples: list[Batch | None]) -> Batch:
        """Make a batch of those that could be read.

        Raises:
            DataError: None could.
        """
        readable = [sample for sample in samples if sample is not None]
        if not readable:
            raise DataError(f"all {len(samples)} samples of a batch of `source` are damaged")
        return self.reader.collate(readable)


class RealData(ModalityData):
    """Batches of samples that a user has."""

    batch_source = "real"

    def __init__(self, source: str, batch_size: int, num_workers: int, seed: int) -> None:
        super().__init__()
        validate_minimum("batch_size", batch_size, 1)
        validate_minimum("num_workers", num_workers, 0)
        validate_minimum("seed", seed, 0)
        self.source = source
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed

    @abstractmethod
    def open_reader(self) -> SampleReader:
        """List the samples and their lengths."""

    @cached_property
    def reader(self) -> SampleReader:
        """The opened data set; opened at first use, so that building costs nothing."""
        reader = self.open_reader()
        if len(reader.lengths) == 0:
            raise DataError(f"`source` {self.source} holds no samples that can be used")
        return reader

    @property
    def skipped(self) -> list[str]:
        """See ModalityData."""
        return self.reader.bad_samples.skipped

    def lengths(self) -> LengthDistribution:
        """Return the lengths of all samples on the modality's axis."""
        name = Path(self.source).stem or self.source
        return LengthDistribution.from_lengths(
            self.reader.lengths, name, self.modality, self.source
        )

    def batch_at(self, length: int, batch_size: int, seed: int = 0) -> Batch:
        """Take the samples nearest in length, cut or padded to exactly `length`.

        Samples repeat when there are too few; `seed` chooses the masked positions.
        """
        validate_minimum("length", length, 1)
        validate_minimum("batch_size", batch_size, 1)
        order = order_by_nearness(self.reader.lengths, length)
        samples = self._read_nearest(order, batch_size, length, seed)
        return self.reader.collate(samples, length)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return all samples but the held-out ones, shuffled, similar lengths together."""
        indices, _ = hold_out(len(self.reader.lengths), HELD_OUT_FRACTION)
        if not indices:
            raise DataError(
                f"`source` {self.source} must hold at least 2 samples to train, one of them for "
                "validation, got 1"
            )
        lengths = [self.reader.lengths[index] for index in indices]
        num_processes = self.trainer.world_size if self.trainer else 1
        sampler = LengthBucketSampler(lengths, self.batch_size * num_processes, self.seed)
        return self._loader(SampleSet(self.reader, indices, self.seed), sampler)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the held-out samples, always the same ones with the same masks."""
        _, indices = hold_out(len(self.reader.lengths), HELD_OUT_FRACTION)
        return self._loader(SampleSet(self.reader, indices, self.seed))

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the held-out samples: `source` is one split of a data set."""
        return self.val_dataloader()

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return all samples, in their order."""
        return self._loader(SampleSet(self.reader, range(len(self.reader.lengths)), self.seed))

    def _loader(
        self, samples: SampleSet, sampler: LengthBucketSampler | None = None
    ) -> DataLoader[Any]:
        return DataLoader(
            samples,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=samples.collate,
        )

    def _read_nearest(
        self, order: Sequence[int], count: int, length: int, seed: int
    ) -> list[Batch]:
        """Read the first `count` samples that can be read, over and over when there are fewer."""
        samples: list[Batch] = []
        readable: list[int] = []
        for index in order:
            try:
                samples.append(self._read(index, length, seed))
                readable.append(index)
            except BadSampleError as error:
                self.reader.bad_samples.handle(error)
            if len(samples) == count:
                return samples
        if not samples:
            raise DataError(f"`source` {self.source} holds no samples that can be read")
        for position in range(len(samples), count):
            again, place = divmod(position, len(readable))
            samples.append(self._read(readable[place], length, seed, again))
        return samples

    def _read(self, index: int, length: int, seed: int, again: int = 0) -> Batch:
        return self.reader.read(index, length, generator_for(seed, index, REPETITIONS, again))
