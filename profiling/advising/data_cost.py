"""What an epoch over a data set's lengths costs under a policy of batching."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datamodules.batching.policies import (
    PaddedBatch,
    padded_batches,
    padding_share,
    suggest_edges,
)
from datamodules.lengths import LengthDistribution
from profiling.advising.cost_model import CostModel
from profiling.advising.cut_lengths import cut_lengths
from profiling.analysis.points.sides import MEMORY_RESOLUTION_MIB
from profiling.analysis.statistics.intervals import Array

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
        times: (kinds,), how many steps of the kind there are.
        masked: (kinds,), whether the batch has a mask, because it arrives with padding.
        count: Samples of the plan, no more than `MOST_SAMPLES`.
        padding_share: Share of the positions that hold nothing, between 0 and 1.
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


@dataclass(frozen=True)
class DataCost:
    """What a sample of the data set costs on average.

    Args:
        per_sample: (visits,), in the unit of the model; of an epoch it is that times the samples.
        extrapolation_error: How far its logarithm may be off for lengths that were not measured,
            and of memory for its resolution.
        extrapolated_share: Share of the cost that lies beside the measured lengths.
        beside_batches_share: Share of the cost of steps whose batch size lies beside those that
            were measured near their length: extrapolated over batch, which no error holds.
    """

    per_sample: Array
    extrapolation_error: float
    extrapolated_share: float
    beside_batches_share: float = 0.0


def batches_of(
    distribution: LengthDistribution, policy: str, batch_size: int, max_length: int | None = None
) -> tuple[list[PaddedBatch], list[int]]:
    """Return the batches of an epoch, and the edges of the buckets, as `plan_epoch` has them."""
    edges = _edges(distribution, max_length) if policy == "buckets" else []
    lengths = _samples(distribution)
    return padded_batches(lengths, policy, batch_size, max_length, edges), edges


def plan_epoch(
    distribution: LengthDistribution, policy: str, batch_size: int, max_length: int | None = None
) -> Plan:
    """Divide a data set into batches.

    Args:
        distribution: Its lengths.
        policy: One of `datamodules.batching.policies.POLICIES`.
        batch_size: Samples of a batch.
        max_length: Longer samples are cut to it.

    Raises:
        DataError: There is no such policy.
    """
    batches, edges = batches_of(distribution, policy, batch_size, max_length)
    cut = distribution.share_beyond(max_length + 1) if max_length else 0.0
    return plan_of(policy, batches, round(cut * distribution.count), edges)


def plan_of(
    policy: str, batches: Sequence[PaddedBatch], num_cut: int = 0, edges: Sequence[int] = ()
) -> Plan:
    """Return given batches as a plan, which takes those that cost the same together."""
    kinds = Counter((_computed_at(policy, batch), _is_masked(batch)) for batch in batches)
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


def _computed_at(policy: str, batch: PaddedBatch) -> tuple[float, ...]:
    if policy == "packed":
        return tuple(sorted(map(float, batch.lengths)))
    return (batch.padded_length,) * len(batch.lengths)


def _is_masked(batch: PaddedBatch) -> bool:
    """Tell whether a batch arrives with padding; packed samples do, unless all are as long."""
    return min(batch.lengths) < max(*batch.lengths, batch.padded_length)


def cost_of_plan(model: CostModel, plan: Plan, masked: CostModel | None = None) -> DataCost:
    """Return what a sample costs on average over the steps of a plan.

    A sample costs its part of a step in which all were as long: packed samples meet others in
    nothing that grows faster than the tokens, because attention goes sample by sample.

    Args:
        model: Of steps without padding.
        plan: The steps.
        masked: Of steps with a mask, of the same visits; None counts them as if they had none.
    """
    lengths, sizes, kinds = _samples_of(plan)
    times = np.asarray(plan.times, dtype=np.float64)[kinds] / sizes
    steps = model.predict(lengths, sizes)
    if masked is not None:
        # What a variant pads to the shortest length that it takes has a mask, too.
        has_mask = np.asarray(plan.masked)[kinds] | (np.asarray(lengths) < model.tokens.shortest)
        steps = np.where(has_mask, masked.predict(lengths, sizes), steps)
    costs = steps * times
    shares = (costs / costs.sum(axis=1, keepdims=True)).mean(axis=0)
    outside = model.is_extrapolated(lengths)
    errors = model.extrapolation_error(lengths)
    return DataCost(
        costs.sum(axis=1) / plan.count,
        float(np.log(shares @ np.exp(errors))),
        float(shares @ outside),
        float(shares @ model.is_beside_batches(lengths, sizes)),
    )


def peak_of_plan(model: CostModel, plan: Plan, loaded: float) -> DataCost:
    """Return the memory of the largest step, in MiB.

    Memory is measured at batch size 1: what lies above the loaded model counts once per sample.

    Args:
        model: Fitted to peaks at batch size 1.
        plan: The steps.
        loaded: MiB of the loaded model.
    """
    lengths, _, kinds = _samples_of(plan)
    above = np.maximum(model.predict(lengths, [1] * len(lengths)) - loaded, 0.0)
    firsts = np.flatnonzero(np.diff(kinds, prepend=-1))
    peaks = loaded + np.add.reduceat(above, firsts, axis=1)
    largest = int(np.argmax(peaks.mean(axis=0)))
    at = [max(plan.steps[largest])]
    smallest = peaks[:, largest].min()
    return DataCost(
        peaks[:, largest],
        float(model.extrapolation_error(at)[0] + np.log1p(MEMORY_RESOLUTION_MIB / smallest)),
        float(model.is_extrapolated(at)[0]),
        float(len(plan.steps[largest]) > 1),
    )


def _samples_of(plan: Plan) -> tuple[list[float], list[int], Array]:
    """Return of every sample of every kind of step its length, its batch size and its kind."""
    lengths = [length for step in plan.steps for length in step]
    sizes = [len(step) for step in plan.steps for _ in step]
    return lengths, sizes, np.repeat(np.arange(len(plan.steps)), [len(s) for s in plan.steps])


def _samples(distribution: LengthDistribution) -> list[int]:
    """Return the length of every sample, or of evenly spaced ones of very many."""
    if distribution.count <= MOST_SAMPLES:
        pairs = zip(distribution.values, distribution.counts, strict=True)
        return [value for value, count in pairs for _ in range(count)]
    ranks = (np.arange(MOST_SAMPLES) + 0.5) / MOST_SAMPLES * distribution.count
    places = np.searchsorted(np.cumsum(distribution.counts), ranks, side="right")
    return [distribution.values[place] for place in places]


def _edges(distribution: LengthDistribution, max_length: int | None) -> list[int]:
    seen = cut_lengths(distribution, max_length)
    return suggest_edges(seen.values, seen.counts, NUM_BUCKETS)
