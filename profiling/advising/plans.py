"""The batches of an epoch over a data set's lengths, under a policy of batching."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from datamodules.batching.policies import (
    PaddedBatch,
    padded_batches,
    padding_share,
    suggest_edges,
)
from datamodules.lengths import LengthDistribution
from datamodules.modality import find_modality
from profiling.advising.cut_lengths import computed_lengths
from profiling.analysis.points.axes import axis_of

NUM_BUCKETS = 8
# More samples change no share by a thousandth, and take seconds.
MOST_SAMPLES = 20_000


@dataclass(frozen=True)
class Plan:
    """The batches of one epoch.

    Args:
        policy: How samples were put together.
        steps: What each sample of a step is computed at: for each kind of step as many numbers as
            the batch has samples. Padded ones are all as long as the longest.
        times: (kinds,), how many steps of the kind there are; 0 for the step with the longest
            sample, where that was not among the samples that stand for very many.
        masked: (kinds,), whether the batch has a mask, because it arrives with padding.
        count: Samples of the plan, no more than `MOST_SAMPLES`.
        padding_share: Share of the positions that hold nothing, between 0 and 1; 0 for images,
            which are resized to one side.
        num_cut: Samples of the data set that are longer than `max_length`.
        edges: Of the buckets; empty without.
    """

    policy: str
    steps: tuple[tuple[float, ...], ...]
    times: tuple[int, ...]
    masked: tuple[bool, ...]
    count: int
    padding_share: float
    num_cut: int
    edges: tuple[int, ...] = ()


def batches_of(
    distribution: LengthDistribution, policy: str, batch_size: int, max_length: int | None = None
) -> tuple[list[PaddedBatch], list[int]]:
    """Return the batches of an epoch, and the edges of the buckets, as `plan_epoch` has them."""
    seen = computed_lengths(distribution, max_length)
    edges = _edges(seen) if policy == "buckets" else []
    most = find_modality(seen.modality).round_length(max_length or seen.values[-1])
    return padded_batches(_samples(seen), policy, batch_size, most, edges), edges


def plan_epoch(
    distribution: LengthDistribution,
    policy: str,
    batch_size: int,
    max_length: int | None = None,
    packs: bool = False,
) -> Plan:
    """Divide a data set into batches.

    Args:
        distribution: Its lengths.
        policy: One of `datamodules.batching.policies.POLICIES`.
        batch_size: Samples of a batch.
        max_length: Longer samples are cut to it; sides of images are then rounded up.
        packs: Whether each sample is computed at its own length, however the batch is padded.

    Raises:
        DataError: There is no such policy.
    """
    batches, edges = batches_of(distribution, policy, batch_size, max_length)
    cut = distribution.share_beyond(max_length + 1) if max_length else 0.0
    longest = computed_lengths(distribution, max_length).values[-1]
    # Where all are padded to one length, every step needs as much as one that holds the longest.
    is_drawn = policy == "pad_to_maximum" and not packs
    undrawn = [] if is_drawn else _with_longest(batches, longest, policy)
    plan = plan_of(policy, batches, round(cut * distribution.count), edges, undrawn, packs)
    return replace(plan, padding_share=0.0) if _is_of_images(distribution) else plan


def plan_of(
    policy: str,
    batches: Sequence[PaddedBatch],
    num_cut: int = 0,
    edges: Sequence[int] = (),
    undrawn: Sequence[PaddedBatch] = (),
    packs: bool = False,
) -> Plan:
    """Return given batches as a plan, which takes those that cost the same together.

    Args:
        policy: How they were put together.
        batches: Of the epoch.
        num_cut: Samples of the data set that were cut.
        edges: Of the buckets.
        undrawn: Batches that occur, though not among these: they need memory, and their time is
            too little to count.
        packs: Whether each sample is computed at its own length, however the batch is padded.
    """
    packs = packs or policy == "packed"
    kinds = Counter((_computed_at(batch, packs), _is_masked(batch)) for batch in batches)
    for batch in undrawn:
        kinds.setdefault((_computed_at(batch, packs), _is_masked(batch)), 0)
    return Plan(
        policy,
        tuple(lengths for lengths, _ in kinds),
        tuple(kinds.values()),
        tuple(masked for _, masked in kinds),
        sum(len(batch.lengths) for batch in batches),
        padding_share(batches),
        num_cut,
        tuple(edges),
    )


def _with_longest(batches: Sequence[PaddedBatch], longest: int, policy: str) -> list[PaddedBatch]:
    """Return the batch that holds the longest sample of all, where it was not drawn."""
    largest = max(batches, key=lambda batch: max(batch.lengths))
    if max(largest.lengths) >= longest:
        return []
    members = (*sorted(largest.lengths)[:-1], longest)
    return [PaddedBatch(members, fmean(members) if policy == "packed" else float(longest))]


def _computed_at(batch: PaddedBatch, packs: bool) -> tuple[float, ...]:
    if packs:
        return tuple(sorted(map(float, batch.lengths)))
    return (batch.padded_length,) * len(batch.lengths)


def _is_masked(batch: PaddedBatch) -> bool:
    """Tell whether a batch arrives with padding; packed samples do, unless all are as long."""
    return min(batch.lengths) < max(*batch.lengths, batch.padded_length)


def _samples(distribution: LengthDistribution) -> list[int]:
    """Return the length of every sample, or of evenly spaced ones of very many."""
    if distribution.count <= MOST_SAMPLES:
        pairs = zip(distribution.values, distribution.counts, strict=True)
        return [value for value, count in pairs for _ in range(count)]
    ranks = (np.arange(MOST_SAMPLES) + 0.5) / MOST_SAMPLES * distribution.count
    places = np.searchsorted(np.cumsum(distribution.counts), ranks, side="right")
    return [distribution.values[place] for place in places]


def _edges(seen: LengthDistribution) -> list[int]:
    """Return edges that leave the fewest positions to compute: of an image that is the square."""
    power = 2 if _is_of_images(seen) else 1
    edges = suggest_edges([value**power for value in seen.values], seen.counts, NUM_BUCKETS)
    return [round(edge ** (1 / power)) for edge in edges]


def _is_of_images(distribution: LengthDistribution) -> bool:
    return axis_of(distribution.modality) == "input_size"
