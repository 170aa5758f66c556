"""Batches by seconds: similar lengths together, the same for any number of processes.

A step of training has one global batch, which depends on the seed and the epoch alone; each
process takes its share of the utterances. Every epoch is shuffled anew, into as many batches.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler

from datamodules.errors import DataError
from datamodules.geometry import HOP_SAMPLES, SAMPLE_RATE_HZ

FRAME_SECONDS = HOP_SAMPLES / SAMPLE_RATE_HZ
# A bucket has lengths down to this share of its longest; but at least so many batches, to shuffle.
BUCKET_SHARE = 0.85
BUCKET_BATCHES = 2


@dataclass(frozen=True)
class BatchDraw:
    """One process's share of a batch, with what all shares agree on.

    Args:
        positions: Which utterances; none where other processes still have some.
        epoch: Counted from 0; chooses crops and masks.
        shortest: Frames of the shortest utterance of the global batch.
        longest: Frames of the longest one.
    """

    positions: tuple[int, ...]
    epoch: int
    shortest: int
    longest: int


@dataclass(frozen=True)
class Processes:
    """How many processes work together, and which of them this one is."""

    count: int = 1
    rank: int = 0


class Batches(DistributedSampler[BatchDraw]):
    """An order of batches; Lightning replaces no distributed sampler, and tells it the epoch.

    Args:
        frames: Length of every utterance, as far as it is used.
        processes: The processes that share the batches.
    """

    def __init__(self, frames: Sequence[int], processes: Processes) -> None:
        # What torch would share among replicas is shared here already.
        super().__init__(range(len(frames)), num_replicas=1, rank=0)  # type: ignore[arg-type]
        self.frames = np.asarray(frames, dtype=np.int64)
        self.processes = processes
        self.first_batch = 0

    @property
    def identity(self) -> str:
        """What the order depends on, as a short text."""
        return ""

    def draws(self) -> list[BatchDraw]:
        """Return the batches of this process in this epoch."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[BatchDraw]:
        yield from self.draws()[self.first_batch :]

    def _draw(self, batch: list[int], share: list[int]) -> BatchDraw:
        lengths = self.frames[batch]
        return BatchDraw(tuple(share), self.epoch, int(lengths.min()), int(lengths.max()))


class TrainingBatches(Batches):
    """Shuffled batches of similar lengths, of which each process takes every n-th utterance.

    Every process has an utterance in every batch. Where the budget holds fewer than two of a length
    for every process, some utterances of that length are left out of an epoch, others in the next.

    Args:
        frames: Length of every utterance, as far as it is used.
        budget_frames: Of all processes together: no batch has more utterances than fit into it if
            all were as long as the longest of their bucket.
        seed: Chooses the order.
        processes: The processes that share the batches.

    Raises:
        DataError: There are fewer utterances than processes, or the budget does not hold the
            longest one once for every process.
    """

    def __init__(
        self,
        frames: Sequence[int],
        budget_frames: int,
        seed: int,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(frames, processes or Processes())
        self.order_seed = seed
        self.budget_frames = budget_frames
        count = self.processes.count
        if len(self.frames) < count:
            raise DataError(
                f"`source` must hold a training recording for each of {count} processes, got "
                f"{len(self.frames)}"
            )
        needed = int(self.frames.max()) * count
        if needed > budget_frames:
            raise DataError(
                f"`batch_seconds` must be at least {needed * FRAME_SECONDS:.2f}, the longest "
                f"utterance in each of {count} processes, got {budget_frames * FRAME_SECONDS:.2f}"
            )
        self.buckets = _make_buckets(self.frames, budget_frames)
        self._sizes = [
            _batch_sizes(len(bucket), num_batches, count) for bucket, num_batches in self.buckets
        ]

    @property
    def identity(self) -> str:
        """What the order depends on, but for the number of processes, as a short text."""
        facts = f"{self.order_seed} {self.budget_frames} ".encode() + self.frames.tobytes()
        return hashlib.sha256(facts).hexdigest()[:16]

    def __len__(self) -> int:
        return sum(len(sizes) for sizes in self._sizes)

    def draws(self) -> list[BatchDraw]:
        """See Batches."""
        count, rank = self.processes.count, self.processes.rank
        random = np.random.default_rng([self.order_seed, self.epoch])
        batches: list[list[int]] = []
        for (bucket, _), sizes in zip(self.buckets, self._sizes, strict=True):
            ends = np.cumsum(sizes)
            parts = np.split(random.permutation(bucket)[: ends[-1]], ends[:-1])
            # Neighbours in length go to different processes, which then have the same work.
            batches += [
                part[np.argsort(self.frames[part], kind="stable")].tolist() for part in parts
            ]
        order = random.permutation(len(batches))
        return [self._draw(batches[place], batches[place][rank::count]) for place in order]


class EvaluationBatches(Batches):
    """All utterances once, longest first, the same in every epoch; processes take whole batches.

    A process for which no batch is left in the last round gets an empty one.

    Args:
        frames: Length of every utterance, as far as it is used.
        budget_frames: Of a batch; a longer utterance is a batch of its own.
        processes: The processes that share the batches.
    """

    def __init__(
        self, frames: Sequence[int], budget_frames: int, processes: Processes | None = None
    ) -> None:
        super().__init__(frames, processes or Processes())
        self.batches: list[list[int]] = []
        for position in np.argsort(-self.frames, kind="stable").tolist():
            if not self.batches or not self._fits(self.batches[-1], budget_frames):
                self.batches.append([])
            self.batches[-1].append(position)

    def _fits(self, batch: list[int], budget_frames: int) -> bool:
        return (len(batch) + 1) * int(self.frames[batch[0]]) <= budget_frames

    def __len__(self) -> int:
        return -(-len(self.batches) // self.processes.count)

    def draws(self) -> list[BatchDraw]:
        """See Batches."""
        count, rank = self.processes.count, self.processes.rank
        mine = [self._draw(batch, batch) for batch in self.batches[rank::count]]
        nothing = BatchDraw((), self.epoch, 0, 0)
        return mine + [nothing] * (len(self) - len(mine))

    def set_epoch(self, epoch: int) -> None:
        """Stay at the first epoch: what is compared must not change."""


def frames_of(seconds: float) -> int:
    """Return the frames of a budget in seconds."""
    return round(seconds / FRAME_SECONDS)


def _batch_sizes(num_utterances: int, num_batches: int, count: int) -> list[int]:
    """Cut a bucket evenly, or into batches of one utterance for every process."""
    if num_utterances // num_batches < count:
        return [count] * (num_utterances // count)
    return [len(part) for part in np.array_split(np.arange(num_utterances), num_batches)]


def _make_buckets(
    frames: NDArray[np.int64], budget_frames: int
) -> list[tuple[NDArray[np.int64], int]]:
    """Return buckets of similar lengths, longest first, and into how many batches each is cut."""
    order = np.argsort(-frames, kind="stable")
    buckets = []
    while len(order):
        longest = int(frames[order[0]])
        size = budget_frames // longest
        similar = int((frames[order] >= BUCKET_SHARE * longest).sum())
        taken = size * max(BUCKET_BATCHES, -(-similar // size))
        if len(order) - taken < size:
            taken = len(order)  # too few are left for a bucket of their own
        bucket, order = order[:taken], order[taken:]
        buckets.append((bucket, -(-len(bucket) // size)))
    return buckets
