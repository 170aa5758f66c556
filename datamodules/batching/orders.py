"""Orders of batches: the batches of an epoch, and each process's share of them.

A step of training has one global batch, which depends on the seed and the epoch alone, and each
process takes its share of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DistributedSampler


@dataclass(frozen=True)
class BatchDraw:
    """One process's share of a batch, with the facts that all shares agree on.

    Args:
        positions: Places of the samples among those that a loader has; none where other processes
            still have some.
        epoch: Counted from 0; chooses crops and masks.
        shortest: Length of the shortest sample of the global batch, on the modality's axis.
        longest: Length of the longest one.
        exact_length: Length that every sample must be brought to; None leaves it to the data set.
        is_counted: Whether there is something to predict; not where the samples are those of
            another process, read for want of own ones.
    """

    positions: tuple[int, ...]
    epoch: int
    shortest: int
    longest: int
    exact_length: int | None = None
    is_counted: bool = True


@dataclass(frozen=True)
class Processes:
    """How many processes work together, and which of them this one is."""

    count: int = 1
    rank: int = 0

    @classmethod
    def of(cls, trainer: Any) -> "Processes":
        """Return the processes of a Trainer; without one this process works alone."""
        return cls() if trainer is None else cls(trainer.world_size, trainer.global_rank)

    def share(self, batch: list[int]) -> list[int]:
        """Return every n-th of a global batch, so that neighbours go to different processes.

        A process for which nothing is left takes the first: a step needs a sample from everyone.
        """
        return batch[self.rank :: self.count] or batch[:1]


class Batches(DistributedSampler[BatchDraw]):
    """An order of batches; Lightning replaces no distributed sampler, and tells it the epoch.

    Args:
        lengths: Length of every sample on the modality's axis, as far as it is used.
        processes: The processes that share the batches; None is one alone.

    Attributes:
        depends_on: Settings that the order depends on, in the words of a message.
        first_batch: How many batches of an epoch are left out at its beginning.
    """

    depends_on = "data"

    def __init__(self, lengths: Sequence[int], processes: Processes | None = None) -> None:
        # To torch there is one replica: subclasses share the batches among processes themselves.
        super().__init__(range(len(lengths)), num_replicas=1, rank=0)  # type: ignore[arg-type]
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.processes = processes or Processes()
        self.first_batch = 0

    @property
    def identity(self) -> str:
        """A short text that changes with all that the order depends on, except the epoch."""
        return ""

    @property
    def drawn_epoch(self) -> int:
        """The epoch that chooses the order, crops and masks; `epoch` is that of the Trainer."""
        return self.epoch

    def draws(self) -> list[BatchDraw]:
        """Return the batches of this process in this epoch."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[BatchDraw]:
        yield from self.draws()[self.first_batch :]

    def _draw(self, batch: list[int], share: list[int]) -> BatchDraw:
        lengths = self.lengths[batch]
        return BatchDraw(tuple(share), self.drawn_epoch, int(lengths.min()), int(lengths.max()))


class UnchangingBatches(Batches):
    """An order that every epoch has, with the crops and masks of the first: it is compared.

    The Trainer's epoch is kept nevertheless: a loader that goes on knows its own epoch by it.
    """

    @property
    def drawn_epoch(self) -> int:
        """The first epoch, whatever that of the Trainer is."""
        return 0
