"""Which steps of which epochs are run, and what the advice foresees for just these steps.

Nothing here imports torch: the process that plans sleeps while others measure.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from datamodules.batching.policies import PaddedBatch
from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Measured, Wanted
from profiling.advising.data_cost import DataCost, packs_in_layers, time_of
from profiling.advising.plans import batches_of, plan_of

FEWEST_STEPS = 3


@dataclass(frozen=True)
class Amount:
    """How much of each epoch is run.

    Args:
        most_steps: Of an epoch; it is run whole where it has no more.
        seconds: That its steps are foreseen to take; at least three are run whatever they take.
        rounds: In so many turns the steps are run, in turn with those of all other contenders.
            Fewer steps are run in several turns each.
        seed: Chooses which steps.
    """

    most_steps: int = 24
    seconds: float = 1.5
    rounds: int = 9
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """The part of an epoch that one contender runs under one policy.

    Args:
        candidate: Contender and policy, with what advice foresees for the whole epoch.
        wanted: Objective, phase and batch size.
        steps: The batches that are run.
        predicted: What a sample of these steps is foreseen to cost, in milliseconds.
        extrapolated_share: Of this cost, beside the measured lengths.
        beside_batches_share: Of this cost, beside the measured batch sizes.
    """

    candidate: Candidate
    wanted: Wanted
    steps: tuple[PaddedBatch, ...]
    predicted: float
    extrapolated_share: float
    beside_batches_share: float


def plan_part(
    candidate: Candidate, distribution: LengthDistribution, wanted: Wanted, amount: Amount
) -> Epoch:
    """Draw the steps that are run, and foresee their cost."""
    policy, measured = candidate.plan.policy, candidate.measured
    batches, _ = batches_of(distribution, policy, wanted.batch_size, wanted.max_length)
    step_ms = candidate.mean_cost * candidate.plan.count / sum(candidate.plan.times)
    most = min(amount.most_steps, max(FEWEST_STEPS, int(1000 * amount.seconds / step_ms)))
    steps = draw_steps(batches, most, amount.seed)
    cost = _cost_of(measured, policy, steps)
    return Epoch(
        candidate,
        wanted,
        steps,
        cost.mean,
        cost.extrapolated_share,
        cost.beside_batches_share,
    )


def foresee(epoch: Epoch, measured: Measured) -> float:
    """Return what a sample of the steps of an epoch costs by other measurements of its contender.

    Args:
        epoch: Its steps.
        measured: Of the same contender, with a model.
    """
    return _cost_of(measured, epoch.candidate.plan.policy, epoch.steps).mean


def _cost_of(measured: Measured, policy: str, steps: Sequence[PaddedBatch]) -> DataCost:
    packed = plan_of(policy, steps, packs=True) if packs_in_layers(measured) else None
    return time_of(measured, plan_of(policy, steps), packed, measured.masked)


def draw_steps(batches: Sequence[PaddedBatch], most: int, seed: int) -> tuple[PaddedBatch, ...]:
    """Draw batches evenly over their size, in an order of chance; all where there are no more.

    A systematic sample: sorted by padded positions, every k-th from a start that chance chooses, so
    that a few steps hold short and long ones as the epoch does.
    """
    chance = random.Random(seed)
    ordered = sorted(batches, key=lambda batch: (batch.padded_length, len(batch.lengths)))
    if len(ordered) > most:
        every = len(ordered) / most
        start = chance.random() * every
        ordered = [ordered[min(int(start + k * every), len(ordered) - 1)] for k in range(most)]
    chance.shuffle(ordered)
    return tuple(ordered)
