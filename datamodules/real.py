"""What the real data of all modalities share: choosing samples, skipping bad ones, loaders."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from torch import Generator
from torch.utils.data import DataLoader, Dataset

from datamodules.base import Batch, ModalityData, generator_for
from datamodules.batching import LengthBucketSampler, hold_out, order_by_nearness
from datamodules.errors import BadSampleError, DataError, validate_choice, validate_minimum
from datamodules.lengths import LengthDistribution

HELD_OUT_FRACTION = 0.05


class BadSamples:
    """What to do with a sample that cannot be used: stop, or skip it and count.

    Args:
        policy: `stop` or `skip`.
    """

    def __init__(self, policy: str) -> None:
        validate_choice("on_bad_sample", policy, ("stop", "skip"))
        self.policy = policy
        self.skipped: list[str] = []

    def handle(self, error: BadSampleError) -> None:
        """Raise the error, or note it once and say so."""
        if self.policy == "stop":
            raise error
        if str(error) not in self.skipped:
            self.skipped.append(str(error))
            warnings.warn(f"skipped: {error}", stacklevel=2)


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


class SampleSet(Dataset[Batch]):
    """Some samples of a reader; a damaged one that may be skipped is replaced by the next."""

    def __init__(self, reader: SampleReader, indices: Sequence[int], seed: int | None) -> None:
        self.reader = reader
        self.indices = indices
        self.seed = seed  # None: other masks every time

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Batch:
        count = len(self.indices)
        candidates = (self.indices[(position + step) % count] for step in range(count))
        return _read_readable(self.reader, candidates, 1, seed=self.seed)[0]


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
    def num_skipped(self) -> int:
        """Samples that this process left out so far because they are damaged or empty."""
        return len(self.reader.bad_samples.skipped)

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
        samples = _read_readable(self.reader, order, batch_size, length, seed)
        return self.reader.collate(samples, length)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return all samples but the held-out ones, shuffled, similar lengths together."""
        indices, _ = hold_out(len(self.reader.lengths), HELD_OUT_FRACTION)
        if not indices:
            raise DataError(
                f"`source` {self.source} must hold at least 2 samples to train, one of them for "
                "validation, got 1"
            )
        lengths = [self.reader.lengths[index] for index in indices]
        sampler = LengthBucketSampler(lengths, self.batch_size, self.seed)
        return self._loader(SampleSet(self.reader, indices, seed=None), sampler)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the held-out samples, always the same ones with the same masks."""
        _, indices = hold_out(len(self.reader.lengths), HELD_OUT_FRACTION)
        return self._loader(SampleSet(self.reader, indices, self.seed))

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the held-out samples: `source` is one split of a data set."""
        return self.val_dataloader()

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return all samples, in their order."""
        return self._loader(SampleSet(self.reader, range(len(self.reader.lengths)), self.seed))

    def _loader(
        self, samples: SampleSet, sampler: LengthBucketSampler | None = None
    ) -> DataLoader[Batch]:
        return DataLoader(
            samples,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=self.reader.collate,
        )


def _read_readable(
    reader: SampleReader,
    candidates: Iterable[int],
    count: int,
    length: int | None = None,
    seed: int | None = None,
) -> list[Batch]:
    """Read the first `count` candidates that can be read, over and over when there are fewer."""
    samples: list[Batch] = []
    readable: list[int] = []
    for index in candidates:
        try:
            samples.append(reader.read(index, length, _mask_generator(seed, index, 0)))
            readable.append(index)
        except BadSampleError as error:
            reader.bad_samples.handle(error)
        if len(samples) == count:
            return samples
    if not samples:
        raise DataError("none of the samples can be read")
    for position in range(len(samples), count):
        again, index = divmod(position, len(readable))
        generator = _mask_generator(seed, readable[index], again)
        samples.append(reader.read(readable[index], length, generator))
    return samples


def _mask_generator(seed: int | None, index: int, again: int) -> Generator | None:
    return None if seed is None else generator_for(seed, index, again)
