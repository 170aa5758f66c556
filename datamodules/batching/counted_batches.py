"""Batches of a number of samples: similar lengths together, or all samples as they come."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datamodules.batching.orders import BatchDraw, Batches, Processes, UnchangingBatches

POOL_BATCHES = 50  # batches drawn together and sorted by length


class LengthBuckets(Batches):
    """Shuffled batches of similar lengths, anew in every epoch.

    Processes have their shares of the same batches, which are those of one process with as many
    samples in a batch as all of them have together.

    Args:
        lengths: Length of every sample on the modality's axis.
        batch_size: Samples in a batch of one process.
        seed: Chooses the order.
        processes: The processes that share the batches; None is one alone.
    """

    depends_on = "samples, `batch_size` of all processes together and `seed`"

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(lengths, processes)
        self.batch_size = batch_size * self.processes.count
        self.order_seed = seed

    @property
    def identity(self) -> str:
        """A short text that changes with the lengths, the seed and the size of a global batch."""
        facts = f"{self.order_seed} {self.batch_size} ".encode() + self.lengths.tobytes()
        return hashlib.sha256(facts).hexdigest()[:16]

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def draws(self) -> list[BatchDraw]:
        """Return this process's share of every batch of this epoch; only the last can be short."""
        random = np.random.default_rng([self.order_seed, self.drawn_epoch])
        order = random.permutation(len(self.lengths))
        pool = self.batch_size * POOL_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            drawn = order[start : start + pool]
            batches += _cut(
                drawn[np.argsort(self.lengths[drawn], kind="stable")].tolist(), self.batch_size
            )
        numbers = [*random.permutation(len(batches) - 1).tolist(), len(batches) - 1]
        return [self._draw(batches[n], self.processes.share(batches[n])) for n in numbers]


class InOrder(UnchangingBatches):
    """All samples once, as they come.

    Args:
        lengths: Length of every sample on the modality's axis.
        batch_size: Samples in a batch of one process.
        processes: The processes that share the batches; None is one alone.
        in_step: Whether every process must have as many batches, so that one for which nothing is
            left repeats a sample.
        counts_once: Whether nothing is to be predicted of a sample that is repeated, so that the
            figures of an evaluation are those of one process.
    """

    depends_on = "samples and `batch_size` of all processes together"

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        processes: Processes | None = None,
        in_step: bool = True,
        counts_once: bool = False,
    ) -> None:
        super().__init__(lengths, processes)
        self.batch_size = batch_size * self.processes.count
        batches = _cut(list(range(len(lengths))), self.batch_size)
        rank = self.processes.rank
        self.chosen = [
            replace(
                self._draw(batch, self.processes.share(batch)),
                is_counted=rank < len(batch) or not counts_once,
            )
            for batch in batches
            if in_step or rank < len(batch)
        ]

    @property
    def identity(self) -> str:
        """A short text that changes with the lengths and the size of a global batch."""
        facts = f"{self.batch_size} ".encode() + self.lengths.tobytes()
        return hashlib.sha256(facts).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.chosen)

    def draws(self) -> list[BatchDraw]:
        """Return this process's share of every batch."""
        return self.chosen


def _cut(positions: list[int], size: int) -> list[list[int]]:
    """Cut into parts of this size; the last may be smaller."""
    return [positions[start : start + size] for start in range(0, len(positions), size)]
