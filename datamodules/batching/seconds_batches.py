"""Batches by seconds of audio: similar lengths together, the same for any number of processes."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datamodules.batching.orders import BatchDraw, Batches, Processes, UnchangingBatches
from datamodules.errors import DataError
from datamodules.geometry import HOP_SAMPLES, SAMPLE_RATE_HZ

FRAME_SECONDS = HOP_SAMPLES / SAMPLE_RATE_HZ
# All lengths of a bucket are at least this share of its longest one, unless that would make fewer
# batches than can be shuffled.
BUCKET_SHARE = 0.85
BUCKET_BATCHES = 2


def frames_of(seconds: float) -> int:
    """Return the frames of a budget in seconds."""
    return round(seconds / FRAME_SECONDS)


class TrainingBatches(Batches):
    """Shuffled batches of similar lengths, anew in every epoch and always as many.

    Every process has an utterance in every batch. Where the budget holds fewer than two utterances
    of a length for every process, some of that length are left out of an epoch, and others of the
    next one.

    Args:
        frames: Length of every utterance, as far as it is used.
        budget_frames: Frames of a batch of all processes together: it has no more utterances than
            would fit if all were as long as the longest of their bucket.
        seed: Chooses the order.
        processes: The processes that share the batches; None is one alone.

    Raises:
        DataError: There are fewer utterances than processes, or the budget does not hold the
            longest one once for every process.
    """

    depends_on = "recordings, `batch_seconds`, `seed` and, for few long ones, number of processes"

    def __init__(
        self,
        frames: Sequence[int],
        budget_frames: int,
        seed: int,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(frames, processes)
        self.order_seed = seed
        self.budget_frames = budget_frames
        count = self.processes.count
        if len(self.lengths) < count:
            raise DataError(
                f"`source` must hold a training recording for each of {count} processes, got "
                f"{len(self.lengths)}"
            )
        needed = int(self.lengths.max()) * count
        if needed > budget_frames:
            raise DataError(
                f"`batch_seconds` must be at least {needed * FRAME_SECONDS:.2f}, the longest "
                f"utterance in each of {count} processes, got {budget_frames * FRAME_SECONDS:.2f}"
            )
        self.buckets = _make_buckets(self.lengths, budget_frames)
        self._sizes, self._sizes_alone = (
            [_batch_sizes(len(bucket), number, sharing) for bucket, number in self.buckets]
            for sharing in (count, 1)
        )

    @property
    def identity(self) -> str:
        """A short text that changes with the lengths, the seed and the budget.

        With the number of processes only where they have other batches than one process has.
        """
        facts = f"{self.order_seed} {self.budget_frames} ".encode() + self.lengths.tobytes()
        if self._sizes != self._sizes_alone:
            facts += f" {self.processes.count}".encode()
        return hashlib.sha256(facts).hexdigest()[:16]

    def __len__(self) -> int:
        return sum(len(sizes) for sizes in self._sizes)

    def draws(self) -> list[BatchDraw]:
        """Return this process's share of every batch of this epoch."""
        random = np.random.default_rng([self.order_seed, self.drawn_epoch])
        batches: list[list[int]] = []
        for (bucket, _), sizes in zip(self.buckets, self._sizes, strict=True):
            ends = np.cumsum(sizes)
            parts = np.split(random.permutation(bucket)[: ends[-1]], ends[:-1])
            # Sorted, because neighbours in length go to different processes, which then have the
            # same work.
            batches += [
                part[np.argsort(self.lengths[part], kind="stable")].tolist() for part in parts
            ]
        order = random.permutation(len(batches))
        return [self._draw(batches[n], self.processes.share(batches[n])) for n in order.tolist()]


class EvaluationBatches(UnchangingBatches):
    """All utterances once, longest first, the same in every epoch; processes take whole batches.

    A process for which no batch is left in the last round gets an empty one.

    Args:
        frames: Length of every utterance, as far as it is used.
        budget_frames: Frames of a batch of one process; a longer utterance is a batch of its own.
        processes: The processes that share the batches; None is one alone.
    """

    def __init__(
        self, frames: Sequence[int], budget_frames: int, processes: Processes | None = None
    ) -> None:
        super().__init__(frames, processes)
        self.batches: list[list[int]] = []
        for position in np.argsort(-self.lengths, kind="stable").tolist():
            if not self.batches or not self._fits(self.batches[-1], budget_frames):
                self.batches.append([])
            self.batches[-1].append(position)

    def _fits(self, batch: list[int], budget_frames: int) -> bool:
        return (len(batch) + 1) * int(self.lengths[batch[0]]) <= budget_frames

    def __len__(self) -> int:
        return -(-len(self.batches) // self.processes.count)

    def draws(self) -> list[BatchDraw]:
        """Return the whole batches that this process takes."""
        count, rank = self.processes.count, self.processes.rank
        mine = [self._draw(batch, batch) for batch in self.batches[rank::count]]
        nothing = BatchDraw((), self.drawn_epoch, 0, 0)
        return mine + [nothing] * (len(self) - len(mine))


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
