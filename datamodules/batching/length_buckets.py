"""Which samples make a batch, and how samples of different lengths become one tensor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

POOL_BATCHES = 50  # batches drawn together and sorted by length


def order_by_nearness(lengths: Sequence[int], target: int) -> list[int]:
    """Return all indices, nearest length first, ties to the longer, then to the first."""
    values = np.asarray(lengths, dtype=np.int64)
    order: list[int] = np.lexsort((-values, np.abs(values - target))).tolist()
    return order


def hold_out(count: int, fraction: float) -> tuple[list[int], list[int]]:
    """Split sample indices into training and validation, always in the same way.

    The validation samples, at least one, are the last of a fixed shuffle: the last files of a
    folder are often all of one speaker or class.
    """
    order = np.random.default_rng(0).permutation(count)
    held_out = max(1, round(count * fraction))
    return sorted(order[:-held_out].tolist()), sorted(order[-held_out:].tolist())


@dataclass(frozen=True)
class Draw:
    """A sample of an epoch: where it stands, and which epoch it is, for masks of its own."""

    position: int
    epoch: int


class LengthBucketSampler(Sampler[Draw]):
    """Shuffles samples so that those of one batch have similar lengths.

    A sampler, not a batch sampler, because Lightning can replace it under DDP; the order depends
    on the seed and the epoch alone, which Lightning sets.

    Args:
        lengths: Of all samples.
        batch_size: Samples per batch of all processes together: Lightning deals out one sample to
            each in turn, so that each gets its share of the same bucket.
        seed: Chooses the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self.lengths))
        pool = self.batch_size * POOL_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            drawn = order[start : start + pool]
            drawn = drawn[np.argsort(self.lengths[drawn], kind="stable")].tolist()
            batches += [
                drawn[i : i + self.batch_size] for i in range(0, len(drawn), self.batch_size)
            ]
        # Only the last batch can be short, and must stay last for the others to keep together.
        for number in [*random.permutation(len(batches) - 1).tolist(), len(batches) - 1]:
            yield from (Draw(position, self.epoch) for position in batches[number])


def pad_stack(rows: Sequence[Tensor], length: int, value: float) -> Tensor:
    """Stack (n_i,) tensors into (batch, length), filling up with `value`."""
    stacked = rows[0].new_full((len(rows), length), value)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked


def attention_mask(rows: Sequence[Tensor], length: int) -> dict[str, Tensor]:
    """Return `attention_mask` (batch, length), 1 where real, or nothing when nothing is padded."""
    real = torch.tensor([len(row) for row in rows])
    if bool((real == length).all()):
        return {}
    return {"attention_mask": (torch.arange(length) < real[:, None]).long()}
