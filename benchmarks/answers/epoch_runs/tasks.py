"""What the child of a contender is asked.

Nothing here imports torch: the process that plans sleeps while others measure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from benchmarks.answers.epoch_runs.anchors import Anchor, find_anchors
from benchmarks.answers.epoch_runs.planning import Amount, Epoch
from datamodules.batching.policies import PaddedBatch
from datamodules.modality import MODALITIES
from lightning_modules.variants import find_variant
from profiling.advising.newest import Newest
from profiling.analysis.points.groups import Contender
from profiling.errors import SettingsError
from profiling.planning.points import Conditions, Point
from profiling.planning.requests import Effort
from profiling.rows.columns import Row

PRECISION = "32-true"  # of a loop without Lightning's Trainer, which makes the others


@dataclass(frozen=True)
class EpochTask:
    """What one child runs: all epochs of one contender.

    Args:
        point: Contender, phase and conditions; `length` is that of the longest step.
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
    """Return what the child of a contender runs.

    Raises:
        SettingsError: The run measured real batches, whose number of classes no row tells, or in
            a number format other than float32, which the steps of epochs have.
    """
    points = newest.contenders[contender]
    rows = {length: rows for length, visits in points.items() if (rows := _timed(visits))}
    row = next(iter(rows.values()))[-1]
    if row["batch_source"] != "synthetic":
        raise SettingsError(
            f"`run` must have measured synthetic batches, got {row['batch_source']} ones"
        )
    if row["precision"] != PRECISION:
        raise SettingsError(
            f"`run` must have been measured in precision {PRECISION}, got {row['precision']}"
        )
    longest = max(step_length(step, row) for epoch in epochs for step in epoch.steps)
    batch_size = max(epoch.wanted.batch_size for epoch in epochs)
    anchors = find_anchors(points, newest.efforts, longest, batch_size)
    point = point_of(row, max(longest, *(anchor.length for anchor in anchors)))
    return EpochTask(point, anchors, tuple(each.steps for each in epochs), amount.rounds)


def step_length(step: PaddedBatch, row: Row) -> int:
    """Return the length of the tensors of a step, on the modality's axis.

    Packed samples arrive padded to the longest; short ones are padded to what the variant takes.
    """
    shortest = find_variant(row["modality"], row["variant"]).minimum_length
    longest = max(*step.lengths, math.ceil(step.padded_length), shortest)
    return MODALITIES[row["modality"]].round_length(longest)


def point_of(row: Row, longest: int) -> Point:
    """Return the point of a row at the length of the longest step."""
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


def _timed(rows: Sequence[Mapping[str, object]]) -> list[Row]:
    return [row for row in rows if row["status"] == "ok" and row.get("latency_ms")]
