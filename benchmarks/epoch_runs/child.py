"""The child that runs the steps of one contender, a few at a time, in turn with the others."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.epoch_runs.batches import make_batch
from benchmarks.epoch_runs.tasks import EpochTask, step_length
from benchmarks.steps.bare import bare_step
from datamodules.batching.policies import PaddedBatch
from profiling.measuring.process_limits import set_threads
from profiling.measuring.surroundings import Surroundings
from profiling.measuring.trainer_runs import batch_of, build_point, prepare_process
from profiling.measuring.turn import HandOver

ANCHORS = 3  # readings of the anchor in a turn, after one that wakes the machine


def run_epochs(task: EpochTask, hand_over: HandOver | None = None) -> Iterator[dict[str, Any]]:
    """Yield the seconds of every step of every epoch, and of the anchor.

    The allocator, the threads and the turns are those of a sweep. Steps are not repeated: as in an
    epoch, each batch is a new one.

    Raises (in the child):
        RuntimeError: The attention that ran is not the one that the contender claims.
    """
    point = task.point
    set_threads(point.conditions.threads)
    surroundings = Surroundings(point, hand_over)
    prepare_process(point)
    module = build_point(point)
    module.train(point.phase == "training")
    module.check_active(point.length)
    step = partial(bare_step, module, module.configure_optimizers(), phase=point.phase)
    anchor = batch_of(replace(point, length=task.anchor_length), 1)
    step(make_batch(point, _largest(task)))
    step(anchor)
    seconds = [[0.0] * len(steps) for steps in task.epochs]
    anchors: list[float] = []
    for number in range(task.rounds):
        surroundings.before_step(number, 0.0)
        step(anchor)
        anchors += [step(anchor) for _ in range(ANCHORS)]
        for epoch in in_turn(len(task.epochs), number):
            for place in range(number, len(task.epochs[epoch]), task.rounds):
                seconds[epoch][place] = step(make_batch(point, task.epochs[epoch][place]))
    step(make_batch(point, _largest(task)))  # the check is about this length
    module.check_active(point.length)
    yield {"seconds": seconds, "anchors": anchors} | surroundings.fields()


def in_turn(count: int, number: int) -> list[int]:
    """Return 0 to `count - 1` beginning with another one in each round."""
    return [(place + number) % count for place in range(count)]


def _largest(task: EpochTask) -> PaddedBatch:
    row = {"modality": task.point.modality, "variant": task.point.variant}
    steps = [step for steps in task.epochs for step in steps]
    return max(steps, key=lambda step: len(step.lengths) * step_length(step, row) ** 2)
