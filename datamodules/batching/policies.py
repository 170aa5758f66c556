"""Which samples share a batch, and how long the batch then is: what padding costs.

Sources: dynamic padding and sorting by length as transformers' data collators do; packing without
padding as variable-length attention allows.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from datamodules.errors import DataError

POLICIES = ("pad_to_maximum", "dynamic", "buckets", "packed")


@dataclass(frozen=True)
class PaddedBatch:
    """The samples of one batch.

    Args:
        lengths: Of its samples, on the modality's axis, after cutting.
        padded_length: What each of them is padded to; of packed samples their mean.
    """

    lengths: tuple[int, ...]
    padded_length: float

    @property
    def positions(self) -> int:
        """Positions that are computed: a whole number, though a mean of lengths is rounded."""
        return round(self.padded_length * len(self.lengths))

    @property
    def padding(self) -> int:
        """Positions that hold nothing."""
        return self.positions - sum(self.lengths)


def padded_batches(
    lengths: Sequence[int],
    policy: str,
    batch_size: int,
    max_length: int | None = None,
    edges: Sequence[int] = (),
    seed: int = 0,
) -> list[PaddedBatch]:
    """Divide samples into batches, in an order drawn by chance; the last ones may be smaller.

    Args:
        lengths: Of the samples.
        policy: "pad_to_maximum": all are padded to `max_length`, or to the longest. "dynamic":
            each batch is padded to its longest sample. "buckets": only samples between the same
            two edges meet, and are padded to their longest. "packed": nothing is padded.
        batch_size: Samples of a batch.
        max_length: Longer samples are cut to it; None cuts none.
        edges: Longest length of each bucket, ascending; longer samples share one more.
        seed: Of the order.

    Raises:
        DataError: There is no such policy, or there are no samples.
    """
    if policy not in POLICIES:
        raise DataError(f"`policy` must be one of {', '.join(POLICIES)}, got {policy!r}")
    if not lengths:
        raise DataError("`lengths` must hold at least one sample, got none")
    cut = [min(length, max_length) if max_length else length for length in lengths]
    random.Random(seed).shuffle(cut)
    longest = max_length or max(cut)
    found = []
    for members in _buckets(cut, edges if policy == "buckets" else ()):
        for start in range(0, len(members), batch_size):
            taken = tuple(members[start : start + batch_size])
            padded = {
                "pad_to_maximum": float(longest),
                "packed": sum(taken) / len(taken),
            }.get(policy, float(max(taken)))
            found.append(PaddedBatch(taken, padded))
    return found


def padding_share(batches: Sequence[PaddedBatch]) -> float:
    """Return the share of the positions that hold nothing, between 0 and 1."""
    padding = sum(batch.padding for batch in batches)
    return padding / sum(batch.positions for batch in batches)


def suggest_edges(values: Sequence[int], counts: Sequence[int], num_buckets: int) -> list[int]:
    """Return the edges of buckets that leave the least padding, were each padded to its edge.

    Exact, by dynamic programming over the distinct lengths (thinned to 512 of them).

    Args:
        values: Lengths, ascending, each once.
        counts: Samples of each.
        num_buckets: At most so many.
    """
    values, counts = _thinned(values, counts)
    total, weight = [0], [0]
    for value, count in zip(values, counts, strict=True):
        total.append(total[-1] + count)
        weight.append(weight[-1] + count * value)
    size = len(values)

    def padding(first: int, last: int) -> int:
        """Positions lost in one bucket of the values from `first` to before `last`."""
        samples = total[last] - total[first]
        return samples * values[last - 1] - (weight[last] - weight[first])

    best = [float("inf")] * (size + 1)
    best[0] = 0
    cuts: list[list[int]] = []
    for _ in range(min(num_buckets, size)):
        following = [float("inf")] * (size + 1)
        cut = [0] * (size + 1)
        for last in range(1, size + 1):
            following[last], cut[last] = min(
                (best[first] + padding(first, last), first) for first in range(last)
            )
        best = following
        cuts.append(cut)
    edges, place = [], size
    for cut in reversed(cuts):
        edges.append(values[place - 1])
        place = cut[place]
        if place == 0:
            break
    return sorted(edges)


def _buckets(lengths: Sequence[int], edges: Sequence[int]) -> list[list[int]]:
    buckets: list[list[int]] = [[] for _ in range(len(edges) + 1)]
    for length in lengths:
        buckets[sum(length > edge for edge in edges)].append(length)
    return [members for members in buckets if members]


def _thinned(
    values: Sequence[int], counts: Sequence[int], most: int = 512
) -> tuple[list[int], list[int]]:
    """Join neighbouring lengths into the longest of them, until there are few enough."""
    step = -(-len(values) // most)
    ends = [*range(step, len(values), step), len(values)]
    starts = [0, *ends[:-1]]
    joined = [sum(counts[start:end]) for start, end in zip(starts, ends, strict=True)]
    return [values[end - 1] for end in ends], joined
