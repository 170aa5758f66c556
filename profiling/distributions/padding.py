"""How much of the batches of a data set is padding, under each batching policy."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.batching.policies import (
    POLICIES,
    PaddedBatch,
    padded_batches,
    suggest_edges,
)
from datamodules.lengths import LengthDistribution
from profiling.advising.cut_lengths import cut_lengths
from profiling.distributions.cutting import unseen_of
from profiling.distributions.estimates import Estimate, share_of_positions

# A longer list takes longer and tells no more: its shares are off by less than a tenth per cent.
MOST_SAMPLES = 100_000


@dataclass(frozen=True)
class Padding:
    """The padding of one policy at one batch size.

    Args:
        policy: How samples are put into batches.
        batch_size: Samples of a batch.
        share: Share of the positions that hold nothing, between 0 and 1.
    """

    policy: str
    batch_size: int
    share: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for programs."""
        share = self.share.to_dict("padding_share")
        return {"policy": self.policy, "batch_size": self.batch_size, **share}


def bucket_edges(distribution: LengthDistribution, max_length: int, num_buckets: int) -> list[int]:
    """Return the edges of buckets that leave the least padding, longer samples cut."""
    seen = cut_lengths(distribution, max_length)
    return suggest_edges(seen.values, seen.counts, num_buckets)


def padding_by_policy(
    distribution: LengthDistribution,
    batch_sizes: Sequence[int],
    max_length: int,
    edges: Sequence[int],
    seed: int = 0,
) -> list[Padding]:
    """Return the padding of every policy at every batch size, in a random order of samples.

    Args:
        distribution: The lengths.
        batch_sizes: Samples of a batch.
        max_length: Longer samples are cut to it, and `pad_to_maximum` pads to it.
        edges: Of the buckets.
        seed: Of the order.
    """
    lengths = lengths_of(distribution, seed)
    found = []
    for policy in POLICIES:
        for size in batch_sizes:
            batches = padded_batches(lengths, policy, size, max_length, edges, seed)
            unseen = 0.0 if _pads_nothing(policy, size) else unseen_of(distribution)
            found.append(Padding(policy, size, _share(policy, batches, unseen)))
    return found


def lengths_of(distribution: LengthDistribution, seed: int = 0) -> list[int]:
    """Return the length of each sample, or of as many as suffice, drawn without replacement."""
    values, counts = list(distribution.values), list(distribution.counts)
    if distribution.count > MOST_SAMPLES:
        return random.Random(seed).sample(values, MOST_SAMPLES, counts=counts)
    return [value for value, n in zip(values, counts, strict=True) for _ in range(n)]


def _pads_nothing(policy: str, batch_size: int) -> bool:
    """Tell whether no sample is padded, whatever its length: what was not drawn leaves no doubt."""
    return policy == "packed" or (batch_size == 1 and policy != "pad_to_maximum")


def _share(policy: str, batches: Sequence[PaddedBatch], unseen: float) -> Estimate:
    """Return the share of padding.

    The units of chance are the batches; where no sample meets another, the samples.
    """
    if policy == "pad_to_maximum":
        wholes = [each.padded_length for each in batches for _ in each.lengths]
        padding = [each.padded_length - length for each in batches for length in each.lengths]
    else:
        wholes = [float(each.positions) for each in batches]
        padding = [float(each.padding) for each in batches]
    return share_of_positions(padding, wholes, [1] * len(wholes), unseen)
