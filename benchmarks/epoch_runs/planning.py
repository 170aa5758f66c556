"""Which steps of which epochs are run, and what the advice foresees for just these steps.

Nothing here imports torch: the process that plans sleeps while others measure.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from datamodules.batching.policies import PaddedBatch
from datamodules.lengths import LengthDistribution
from datamodules.modality import MODALITIES
from lightning_modules.variants import find_variant
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Wanted
from profiling.advising.data_cost import batches_of, cost_of_plan, plan_of
from profiling.analysis.groups import Contender, Points
from profiling.errors import SettingsError
from profiling.planning.points import Conditions, Point
from profiling.planning.requests import Effort
from profiling.rows.columns import Row

FEWEST_STEPS = 3
LONGEST_ANCHOR_MS = 200.0  # it is run four times in each turn


@dataclass(frozen=True)
class Amount:
    """How much of each epoch is run.

    Args:
        most_steps: Of an epoch; it is run whole where it has no more.
        seconds: That its steps are foreseen to take; at least three are run whatever they take.
        rounds: In so many turns the steps are run, in turn with those of all other contenders.
        seed: Chooses which steps.
    """

    most_steps: int = 24
    seconds: float = 1.5
    rounds: int = 6
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


@dataclass(frozen=True)
class EpochTask:
    """What one child runs: all epochs of one contender.

    Args:
        point: Contender, phase and conditions; `length` is that of the longest step.
        anchor_length: Where the sweep measured it too, at batch size 1.
        epochs: The steps of each epoch.
        rounds: Turns.
    """

    point: Point
    anchor_length: int
    epochs: tuple[tuple[PaddedBatch, ...], ...]
    rounds: int


def plan_part(
    candidate: Candidate, distribution: LengthDistribution, wanted: Wanted, amount: Amount
) -> Epoch:
    """Draw the steps that are run, and foresee their cost."""
    policy, model = candidate.plan.policy, candidate.measured.model
    assert model
    batches, _ = batches_of(distribution, policy, wanted.batch_size, wanted.max_length)
    step_ms = candidate.mean_cost * candidate.plan.count / sum(candidate.plan.times)
    most = min(amount.most_steps, max(FEWEST_STEPS, int(1000 * amount.seconds / step_ms)))
    steps = draw_steps(batches, most, amount.seed)
    cost = cost_of_plan(model, plan_of(policy, steps))
    predicted = float(np.exp(np.log(cost.per_sample).mean()))
    return Epoch(
        candidate, wanted, steps, predicted, cost.extrapolated_share, cost.beside_batches_share
    )


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


def task_of(
    contender: Contender, points: Points, epochs: Sequence[Epoch], amount: Amount
) -> EpochTask:
    """Return what the child of a contender runs.

    Raises:
        SettingsError: The run measured real batches, whose number of classes no row tells.
    """
    rows = {length: rows for length, visits in points.items() if (rows := _timed(visits))}
    row = next(iter(rows.values()))[-1]
    if row["batch_source"] != "synthetic":
        raise SettingsError(
            f"`run` must have measured synthetic batches, got {row['batch_source']} ones"
        )
    lengths = [step_length(step, row) for epoch in epochs for step in epoch.steps]
    middle = math.exp(np.log(lengths).mean())
    quick = [each for each in rows if anchor_ms(points, each) <= LONGEST_ANCHOR_MS] or [min(rows)]
    anchor = min(quick, key=lambda length: abs(math.log(length / middle)))
    point = point_of(row, max(lengths), anchor)
    return EpochTask(point, anchor, tuple(each.steps for each in epochs), amount.rounds)


def step_length(step: PaddedBatch, row: Row) -> int:
    """Return the length of the tensors of a step, on the modality's axis.

    Packed samples arrive padded to the longest; short ones are padded to what the variant takes.
    """
    shortest = find_variant(row["modality"], row["variant"]).minimum_length
    longest = max(*step.lengths, math.ceil(step.padded_length), shortest)
    return MODALITIES[row["modality"]].round_length(longest)


def point_of(row: Row, longest: int, anchor: int) -> Point:
    """Return the point of a row at the length of the longest step."""
    modality = MODALITIES[row["modality"]]
    longest = max(longest, anchor)
    places = max(longest, row.get("max_length") or 1) if modality.has_position_table else longest
    return Point(
        modality=row["modality"],
        variant=row["variant"],
        implementation=row["implementation"],
        attention_window=row["attention_window"],
        checkpoint=row["checkpoint"],
        phase=row["phase"],
        length=longest,
        max_length=places,
        batch_source="synthetic",
        fingerprint="",
        num_classes=modality.num_classes_of_size.get(row["size"], modality.num_classes),
        conditions=Conditions(**{each.name: row[each.name] for each in fields(Conditions)}),
        effort=Effort(1, 1, 0.0),
        metrics=("latency",),
    )


def anchor_ms(points: Points, length: int) -> float:
    """Return what the sweep measured at a length and batch size 1, the mean over its visits."""
    return math.exp(np.log([row["latency_ms"] for row in _timed(points[length])]).mean())


def _timed(rows: Sequence[Mapping[str, object]]) -> list[Row]:
    return [row for row in rows if row["status"] == "ok" and row.get("latency_ms")]
