"""The part that real data of all modalities share: choosing and skipping samples, loaders."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from datamodules.bad_samples import BadSamples
from datamodules.base import REPETITIONS, Batch, ModalityData, generator_for
from datamodules.batching.choosing import hold_out, order_by_nearness
from datamodules.batching.counted_batches import InOrder, LengthBuckets
from datamodules.batching.orders import BatchDraw, Processes
from datamodules.batching.reading import SampleReader, SampleSet, WhenEmpty
from datamodules.batching.resumable import (
    FilledLoader,
    Loader,
    ResumableLoader,
    overfits,
    protect,
)
from datamodules.errors import BadSampleError, DataError, validate_minimum
from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampling

HELD_OUT_FRACTION = 0.05


class RealData(ModalityData):
    """Batches of samples that a user has; about one in twenty is held out for validation.

    Args:
        source: Where the samples are.
        batch_size: Samples in a batch of a loader of one process.
        num_workers: Processes of a loader; 0 loads in the main one.
        seed: Chooses the order in training, and masks.

    Attributes:
        sampling: Which samples are looked at, and who hears of it; to be set before the first use.
    """

    batch_source = "real"

    def __init__(
        self, source: str, batch_size: int = 8, num_workers: int = 0, seed: int = 0
    ) -> None:
        super().__init__()
        validate_minimum("batch_size", batch_size, 1)
        validate_minimum("num_workers", num_workers, 0)
        validate_minimum("seed", seed, 0)
        self.source = source
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.sampling = Sampling()

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
        """Messages that name the samples this process has left out, damaged or empty ones."""
        return self.reader.bad_samples.skipped

    def lengths(self) -> LengthDistribution:
        """Return the lengths of the samples that are looked at, on the modality's axis."""
        name = Path(self.source).stem or self.source
        return LengthDistribution.from_lengths(
            self.reader.lengths,
            name,
            self.modality,
            self.source,
            self.reader.bad_samples.left_out,
            self.sampling.sampled,
        )

    def batch_at(self, length: int, batch_size: int, seed: int = 0) -> Batch:
        """Take the samples nearest in length, cut or padded to exactly `length`.

        Samples repeat when there are too few.

        Args:
            length: Tokens, frames, or pixels per side (rounded up to a multiple of 32).
            batch_size: Samples in the batch.
            seed: Chooses the masked positions.

        Returns:
            The tensors of the modality, as `datamodules.base.Batch` describes them.

        Raises:
            DataError: `length` or `batch_size` is not positive, or no sample can be read.
            BadSampleError: A sample is damaged, and damaged ones are not skipped.
        """
        validate_minimum("length", length, 1)
        validate_minimum("batch_size", batch_size, 1)
        draw = BatchDraw((), 0, length, length, exact_length=length)
        order = order_by_nearness(self.reader.lengths, length)
        return self.reader.collate(self._read_nearest(order, batch_size, draw, seed), draw)

    def train_dataloader(self) -> Loader:
        """Return all samples but the held-out ones, shuffled, similar lengths together."""
        indices, _ = self._split
        if not indices:
            raise DataError(
                f"`source` {self.source} must hold at least 2 samples to train, one of them for "
                f"validation, got {self._told_count()}"
            )
        if overfits(self.trainer):
            return self._loader_in_order(indices, "another")
        lengths = self._lengths_of(indices)
        order = LengthBuckets(lengths, self.batch_size, self.seed, Processes.of(self.trainer))
        samples = SampleSet(self.reader, indices, self.seed, "another")
        return ResumableLoader(samples, order, self.num_workers)

    def val_dataloader(self) -> Loader:
        """Return the held-out samples, always the same ones with the same masks."""
        return self._loader_in_order(self._split[1], "uncounted", counts_once=True)

    def test_dataloader(self) -> Loader:
        """Return the held-out samples: `source` is one split of a data set."""
        return self.val_dataloader()

    def predict_dataloader(self) -> Loader:
        """Return all samples, in their order, without batches of which none can be read."""
        indices = range(len(self.reader.lengths))
        return FilledLoader(self._loader_in_order(indices, "left out", in_step=False))

    @cached_property
    def _split(self) -> tuple[list[int], list[int]]:
        """The indices to train on, and those held out."""
        return hold_out(self.reader.identities(), HELD_OUT_FRACTION)

    def _told_count(self) -> str:
        count = len(self.reader.lengths)
        return "1" if count == 1 else f"{count} that are all the same"

    def _loader_in_order(
        self, indices: Sequence[int], when_empty: WhenEmpty, **shared: bool
    ) -> Loader:
        """Return samples as they come; `shared` says how processes share them, as in `InOrder`."""
        processes = Processes.of(self.trainer)
        order = InOrder(self._lengths_of(indices), self.batch_size, processes, **shared)
        samples = SampleSet(self.reader, indices, self.seed, when_empty)
        return protect(ResumableLoader(samples, order, self.num_workers), self.trainer)

    def _lengths_of(self, indices: Sequence[int]) -> list[int]:
        return [self.reader.lengths[index] for index in indices]

    def _read_nearest(
        self, order: Sequence[int], count: int, draw: BatchDraw, seed: int
    ) -> list[Batch]:
        """Read the first `count` samples that can be read, over and over when there are fewer."""
        samples: list[Batch] = []
        readable: list[int] = []
        for index in order:
            try:
                samples.append(self._read(index, draw, seed))
                readable.append(index)
            except BadSampleError as error:
                self.reader.bad_samples.handle(error)
            if len(samples) == count:
                return samples
        if not samples:
            raise DataError(f"`source` {self.source} holds no samples that can be read")
        for position in range(len(samples), count):
            again, place = divmod(position, len(readable))
            samples.append(self._read(readable[place], draw, seed, again))
        return samples

    def _read(self, index: int, draw: BatchDraw, seed: int, again: int = 0) -> Batch:
        return self.reader.read(index, draw, generator_for(seed, index, REPETITIONS, again))


class FileData(RealData):
    """Samples that are files, some of which may be damaged.

    Args:
        source: Where the files are.
        on_bad_sample: `stop` at a damaged file, or `skip` it and count it.
        kwargs: Settings of RealData.
    """

    def __init__(
        self, source: str, on_bad_sample: Literal["stop", "skip"] = "stop", **kwargs: Any
    ) -> None:
        super().__init__(source, **kwargs)
        self.on_bad_sample = on_bad_sample
        self.bad_samples = BadSamples(on_bad_sample)
