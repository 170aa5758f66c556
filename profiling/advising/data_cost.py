"""What an epoch over a data set's lengths costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from profiling.advising.contenders import Measured
from profiling.advising.costs.cost_model import CostModel
from profiling.advising.plans import Plan
from profiling.analysis.points.components import PACKING, share_around_layers
from profiling.analysis.points.sides import MEMORY_RESOLUTION_MIB
from profiling.analysis.statistics.intervals import Array


@dataclass(frozen=True)
class DataCost:
    """What a sample of the data set costs on average.

    Args:
        per_sample: (visits,), in the unit of the model; of an epoch it is that times the samples.
        extrapolation_error: How far its logarithm may be off for lengths and batch sizes that were
            not measured, and of memory for its resolution.
        extrapolated_share: Share of the cost that lies beside the measured lengths.
        beside_batches_share: Share of the cost of steps whose batch size lies beside those that
            were measured near their length.
        error_scale: By how much a relative error of the model is larger in the cost: memory at a
            larger batch is a sum of peaks, whose errors add, less what is loaded once.
        overstated: How far its logarithm may lie below, where it is the most that it can be.
    """

    per_sample: Array
    extrapolation_error: float
    extrapolated_share: float
    beside_batches_share: float = 0.0
    error_scale: float = 1.0
    overstated: float = 0.0

    @cached_property
    def mean(self) -> float:
        """The geometric mean over the visits."""
        return float(np.exp(np.mean(np.log(self.per_sample))))


def packs_in_layers(one: Measured) -> bool:
    """Tell whether the layers of a contender leave padding out."""
    return one.contender.implementation in PACKING


def time_of(
    one: Measured, plan: Plan, packed: Plan | None, masked: CostModel | None = None
) -> DataCost:
    """Return the time of a sample; padding counts in that part of a step alone which computes it.

    Where nobody broke the steps down, all of a step is taken to compute padding: that is the most.

    Args:
        one: The contender, which has a model.
        plan: The steps.
        packed: The same steps, each sample at its own length; None where all computes padding.
        masked: As for `cost_of_plan`.
    """
    assert one.model
    padded = cost_of_plan(one.model, plan, masked)
    if packed is None:
        return padded
    least = cost_of_plan(one.model, packed, masked)
    known = {length: share_around_layers(rows) for length, rows in sorted(one.points.items())}
    shares = {length: share for length, share in known.items() if share is not None}
    if not shares:
        return _at_most(padded, least)
    return _mixed(least, padded, _mean_share(shares, plan))


def memory_of(one: Measured, plan: Plan, packed: Plan | None) -> DataCost | None:
    """Return the memory of the largest step, as if all of it computed padding: that is the most.

    Args:
        one: The contender.
        plan: The steps.
        packed: As for `time_of`.

    Returns:
        MiB; None where nobody measured them.
    """
    if one.memory is None:
        return None
    peak = peak_of_plan(one.memory, plan, one.loaded)
    if packed is None:
        return peak
    return _at_most(peak, peak_of_plan(one.memory, packed, one.loaded))


def _mixed(least: DataCost, padded: DataCost, share: float) -> DataCost:
    """Return the cost of steps of which a share computes padding, unsure as its parts are."""
    without, beside = (1 - share) * least.per_sample, share * padded.per_sample
    part = float((beside / (without + beside)).mean())

    def mean(of_least: float, of_padded: float) -> float:
        return (1 - part) * of_least + part * of_padded

    errors = np.exp([least.extrapolation_error, padded.extrapolation_error]).tolist()
    return DataCost(
        without + beside,
        float(np.log(mean(*errors))),
        mean(least.extrapolated_share, padded.extrapolated_share),
        mean(least.beside_batches_share, padded.beside_batches_share),
    )


def _at_most(most: DataCost, least: DataCost) -> DataCost:
    """Return a cost that the true one does not exceed, with how far that may lie below."""
    apart = float(np.log(most.per_sample / least.per_sample).mean())
    unsure = least.extrapolation_error - most.extrapolation_error
    return replace(most, overstated=max(apart + unsure, 0.0) if apart > 0 else 0.0)


def _mean_share(shares: Mapping[int, float], plan: Plan) -> float:
    """Return the mean share over the positions of a plan, interpolated in log length."""
    lengths = np.array([max(step) for step in plan.steps])
    samples = np.array([len(step) for step in plan.steps]) * np.array(plan.times)
    at = np.interp(np.log(lengths), np.log([*shares]), [*shares.values()])
    return float(np.average(at, weights=lengths * samples))


def cost_of_plan(model: CostModel, plan: Plan, masked: CostModel | None = None) -> DataCost:
    """Return what a sample costs on average over the steps of a plan.

    A sample costs its part of a step in which all were as long: packed samples meet others in
    nothing that grows faster than the tokens, because attention goes sample by sample. Which
    steps lie beside what was measured, is told by the model that foresees them.

    Args:
        model: Of steps without padding.
        plan: The steps.
        masked: Of steps with a mask, of the same visits; None counts them as if they had none.
    """
    lengths, sizes, kinds = _samples_of(plan)
    times = np.asarray(plan.times, dtype=np.float64)[kinds] / sizes
    foreseen = _foreseen(model, lengths, sizes)
    if masked is not None:
        has_mask = _have_masks(model, plan, lengths, kinds)
        with_mask = zip(_foreseen(masked, lengths, sizes), foreseen, strict=True)
        foreseen = [np.where(has_mask, *either) for either in with_mask]
    steps, outside, errors, beside = foreseen
    costs = steps * times
    shares = (costs / costs.sum(axis=1, keepdims=True)).mean(axis=0)
    return DataCost(
        costs.sum(axis=1) / plan.count,
        float(np.log(shares @ np.exp(errors))),
        float(shares @ outside),
        float(shares @ beside),
    )


def _foreseen(model: CostModel, lengths: Sequence[float], sizes: Sequence[int]) -> list[Array]:
    """Return the cost of each step, (visits, steps), and how far it was not measured, (steps,)."""
    return [
        model.predict(lengths, sizes),
        model.is_extrapolated(lengths),
        model.extrapolation_error(lengths) + model.error_beside_batches(lengths, sizes),
        model.is_beside_batches(lengths, sizes),
    ]


def has_masks(model: CostModel, plan: Plan) -> bool:
    """Tell whether any step of a plan has a mask of padding."""
    lengths, _, kinds = _samples_of(plan)
    return bool(_have_masks(model, plan, lengths, kinds).any())


def _have_masks(model: CostModel, plan: Plan, lengths: Sequence[float], kinds: Array) -> Array:
    """Tell of each sample whether its step has a mask; images have none."""
    if model.tokens.in_pixels:
        return np.zeros(len(lengths), dtype=bool)
    # What a variant pads to the shortest length that it takes has a mask, too.
    is_short = np.asarray(lengths) < model.tokens.shortest
    return np.asarray(np.asarray(plan.masked)[kinds] | is_short)


def peak_of_plan(model: CostModel, plan: Plan, loaded: float) -> DataCost:
    """Return the memory of the largest step, in MiB.

    Memory is measured at batch size 1: what lies above the loaded model counts once per sample,
    and so does what the peaks at batch size 1 may be off.

    Args:
        model: Fitted to peaks at batch size 1.
        plan: The steps.
        loaded: MiB that a step needs whatever its batch size.
    """
    lengths, _, kinds = _samples_of(plan)
    above = np.maximum(model.predict(lengths, [1] * len(lengths)) - loaded, 0.0)
    firsts = np.flatnonzero(np.diff(kinds, prepend=-1))
    peaks = loaded + np.add.reduceat(above, firsts, axis=1)
    largest = int(np.argmax(peaks.mean(axis=0)))
    step = plan.steps[largest]
    smallest = float(peaks[:, largest].min())
    # All peaks at batch size 1 together, each with the loaded model, over that of the step.
    scale = (smallest + (len(step) - 1) * loaded) / smallest
    at = [max(step)]
    beside = np.expm1(model.extrapolation_error(at)[0])
    unresolved = len(step) * MEMORY_RESOLUTION_MIB / smallest
    return DataCost(
        peaks[:, largest],
        float(np.log1p(scale * beside) + np.log1p(unresolved)),
        float(model.is_extrapolated(at)[0]),
        float(len(step) > 1),
        scale,
    )


def _samples_of(plan: Plan) -> tuple[list[float], list[int], Array]:
    """Return of every sample of every kind of step its length, its batch size and its kind."""
    lengths = [length for step in plan.steps for length in step]
    sizes = [len(step) for step in plan.steps for _ in step]
    return lengths, sizes, np.repeat(np.arange(len(plan.steps)), [len(s) for s in plan.steps])
