"""What the child of a contender is asked.

Nothing here imports torch: the process that plans sleeps while others measure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from benchmarks.answers.epoch_runs.anchors import Anchor, find_anchors
from benchmarks.answers.epoch_runs.planning import Amount, Epoch
from datamodules.batching.policies import PaddedBatch
from datamodules.modality import MODALITIES
from lightning_modules.variants import find_variant
from profiling.advising.newest import Newest
from profiling.analysis.points.groups import Contender, Points
from profiling.errors import SettingsError
from profiling.planning.points import Conditions, Point
from profiling.planning.requests import Effort
from profiling.rows.columns import Row

PRECISION = "32-true"  # of a loop without Lightning's Trainer, which makes the others


@dataclass(frozen=True)
class EpochTask:
    """What one child runs: all epochs of one contender.

    Args:
        point: Contender, phase and conditions; `length` is that of the longest step, and
            `max_length` reaches to the longest anchor, too.
        anchors: Steps that the sweep measured too.
        epochs: The steps of each epoch.
        rounds: Turns.
    """

    point: Point
    anchors: tuple[Anchor, ...]
    epochs: tuple[tuple[PaddedBatch, ...], ...]
    rounds: int


def task_of(
    contender: Contender, newest: Newest, epochs: Sequence[Epoch], amount: Amount
) -> EpochTask:
    """Return what the child of a contender runs."""
    points = newest.contenders[contender]
    row = _row_of(points)
    longest = max(step_length(step, row) for epoch in epochs for step in epoch.steps)
    batch_size = max(epoch.wanted.batch_size for epoch in epochs)
    anchors = find_anchors(points, newest.efforts, longest, batch_size)
    point = point_of(row, longest)
    places = max([point.max_length, *(anchor.length for anchor in anchors)])
    steps = tuple(each.steps for each in epochs)
    return EpochTask(replace(point, max_length=places), anchors, steps, amount.rounds)


def memory_point(epoch: Epoch, newest: Newest) -> Point:
    """Return the point whose memory is that of the largest step of an epoch at batch size 1.

    It is the point that a sweep would measure at this length. No anchor runs beside it, so that
    its table of positions reaches no further than in the sweep.
    """
    row = _row_of(newest.contenders[epoch.candidate.measured.contender])
    return point_of(row, _length_taken(max(map(max, epoch.candidate.plan.steps)), row))


def validate_run(newest: Newest) -> None:
    """Raise SettingsError where the steps of a run cannot be made here.

    That is where it measured real batches, whose number of classes no row tells, or in a number
    format other than float32, which the steps of epochs have.
    """
    row = newest.rows[-1]
    if row["batch_source"] != "synthetic":
        raise SettingsError(
            f"`run` must have measured synthetic batches, got {row['batch_source']} ones"
        )
    if row["precision"] != PRECISION:
        raise SettingsError(
            f"`run` must have been measured in precision {PRECISION}, got {row['precision']}"
        )


def step_length(step: PaddedBatch, row: Row) -> int:
    """Return the length of the tensors of a step, on the modality's axis.

    Packed samples arrive padded to the longest.
    """
    return _length_taken(max(*step.lengths, step.padded_length), row)


def _length_taken(length: float, row: Row) -> int:
    """Return the length of the tensors of samples, short ones padded to what the variant takes."""
    shortest = find_variant(row["modality"], row["variant"]).minimum_length
    return MODALITIES[row["modality"]].round_length(max(math.ceil(length), shortest))


def point_of(row: Row, longest: int) -> Point:
    """Return the point of a row at another length, as its sweep would measure it."""
    modality = MODALITIES[row["modality"]]
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
        compiled=bool(row.get("compiled")),
        graphed=bool(row.get("graphed")),
    )


def _row_of(points: Points) -> Row:
    """Return the last row that worked, of the first length that has any."""
    worked = ([row for row in rows if row["status"] == "ok"] for rows in points.values())
    return next(rows[-1] for rows in worked if rows)
