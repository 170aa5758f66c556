"""Samples of one source, of any modality, read a batch at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator
from torch.utils.data import Dataset, get_worker_info

from datamodules.bad_samples import BadSamples
from datamodules.base import MASKS, Batch, generator_for
from datamodules.batching.masking import without_labels
from datamodules.batching.orders import BatchDraw
from datamodules.counted import counted
from datamodules.errors import BadSampleError, DataError

WhenEmpty = Literal["another", "left out", "nothing", "uncounted"]


class SampleReader(ABC):
    """Reads the samples of one source; picklable, because loader processes get a copy.

    Args:
        lengths: Length of every sample on the modality's axis, as far as it is used.
        bad_samples: Stops at a damaged one, or skips it and counts it.

    Attributes:
        tells_index: Whether batches have `index`, which samples of the source they are.
    """

    tells_index = False

    def __init__(self, lengths: Sequence[int], bad_samples: BadSamples) -> None:
        self.lengths = lengths
        self.bad_samples = bad_samples

    @abstractmethod
    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Read one sample: tensors as a batch has them, without the batch dimension.

        Args:
            index: Which sample of the source.
            draw: The batch that it is for, which says how long samples must be.
            generator: Source of chance for crops and masks.

        Raises:
            BadSampleError: It is damaged.
        """

    @abstractmethod
    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Make a batch, as `datamodules.base.Batch` describes it, of what `read` returned."""

    @abstractmethod
    def identities(self) -> Iterable[str]:
        """Return what tells each sample from the others, wherever in the source it stands."""

    def for_evaluation(self) -> "SampleReader":
        """Return the reader of the same samples for validation, testing and prediction."""
        return self


@dataclass(frozen=True)
class HandedOver:
    """What a loader process hands to the one it loads for.

    Args:
        batch: The batch.
        problems: Samples that were left out meanwhile, for the account of that process.
    """

    batch: Batch
    problems: list[BadSampleError]


class SampleSet(Dataset[Any]):
    """Some samples of a reader, read a batch at a time.

    Crops and masks depend on the seed, the epoch and the sample alone, so that any two models, any
    number of processes and of loader workers, and a run that was resumed see the same data.

    Args:
        reader: Reads them.
        indices: Which samples of the source.
        seed: Chooses crops and masks.
        when_empty: What becomes of a batch whose samples are all damaged. `another`: the sample
            nearest in length takes their place. `uncounted`: the same, and nothing is to be
            predicted of it. `left out`: it is empty. `nothing`: the same, even where no sample at
            all can be read, which is an error otherwise.

    Attributes:
        hands_over: Whether a loader process tells what it left out, for a loader that expects it.
    """

    def __init__(
        self,
        reader: SampleReader,
        indices: Sequence[int],
        seed: int,
        when_empty: WhenEmpty = "another",
    ) -> None:
        self.reader = reader
        self.indices = indices
        self.seed = seed
        self.when_empty = when_empty
        self.hands_over = False

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, draw: BatchDraw) -> Any:
        """Return what `batch_of` returns; in a loader process a `HandedOver`, if it is expected."""
        if not self.hands_over or get_worker_info() is None:
            return self.batch_of(draw)
        self.reader.bad_samples.postpone()
        batch = self.batch_of(draw)
        return HandedOver(batch, self.reader.bad_samples.postpone())

    def batch_of(self, draw: BatchDraw) -> Batch:
        """Return the batch that a draw describes, without its damaged samples.

        Returns:
            A batch of the reader, as `datamodules.base.Batch` describes it, with `index` (batch,)
            int64, which samples they are, if the reader tells it; an empty dict if there are none
            and `when_empty` is `left out` or `nothing`.

        Raises:
            DataError: No sample can be read, not only of this batch; unless `when_empty` is
                `nothing`.
        """
        indices = [self.indices[position] for position in draw.positions]
        found = [(index, self._read(index, draw)) for index in indices]
        read = [(index, sample) for index, sample in found if sample is not None]
        if draw.positions and not read and self.when_empty != "nothing":
            draw, index, sample = self._read_another(draw)
            read = [(index, sample)] if self.when_empty != "left out" else []
        if not read:
            return {}
        batch = self.reader.collate([sample for _, sample in read], draw)
        if self.reader.tells_index:
            batch["index"] = torch.tensor([index for index, _ in read])
        return batch if draw.is_counted else without_labels(batch)

    def _read_another(self, draw: BatchDraw) -> tuple[BatchDraw, int, Batch]:
        """Read the next sample of the batch's lengths, or else the nearest one.

        A step needs a sample from every process.

        Returns:
            The draw of a batch that the sample fits into, the sample's index, and the sample.
        """
        is_counted = draw.is_counted and self.when_empty != "uncounted"
        for index in self._others(draw):
            length = int(self.reader.lengths[index])
            # The shares of other processes stay as they are: this is all that is in this one.
            fitting = replace(
                draw,
                shortest=min(draw.shortest, length),
                longest=max(draw.longest, length),
                is_counted=is_counted,
            )
            if (sample := self._read(index, fitting)) is not None:
                return fitting, index, sample
        raise DataError(
            f"every one of {counted(len(draw.positions), 'sample')} of a batch is damaged, and "
            "there is no other that can be read"
        )

    def _others(self, draw: BatchDraw) -> list[int]:
        """Return the indices of all samples but those of a draw, nearest in length first.

        Those equally near are in their order, from the first one of the draw on. What does not
        count may be any sample of the reader: few are held out, and all of them may be damaged.
        """
        drawn = [self.indices[position] for position in draw.positions]
        counts = self.when_empty != "uncounted"
        pool = np.array(self.indices if counts else range(len(self.reader.lengths)))
        lengths = np.array([self.reader.lengths[index] for index in pool])
        distance = np.maximum(0, np.maximum(draw.shortest - lengths, lengths - draw.longest))
        following = np.roll(np.arange(len(pool)), -int(np.argmax(pool == drawn[0])))
        order = pool[following[np.argsort(distance[following], kind="stable")]]
        return [index for index in order.tolist() if index not in drawn]

    def _read(self, index: int, draw: BatchDraw) -> Batch | None:
        generator = generator_for(self.seed, index, MASKS, draw.epoch)
        try:
            return self.reader.read(index, draw, generator)
        except BadSampleError as error:
            self.reader.bad_samples.handle(error)
            return None
