"""The child that runs the steps of one contender, a few at a time, in turn with the others."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from benchmarks.answers.epoch_runs.batches import make_batch
from benchmarks.answers.epoch_runs.tasks import EpochTask, step_length
from benchmarks.measuring.bare import bare_step
from datamodules.batching.policies import PaddedBatch
from profiling.measuring.process_limits import set_threads
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.steps.trainer_runs import prepare_process
from profiling.measuring.steps.turn import HandOver


def run_epochs(task: EpochTask, hand_over: HandOver | None = None) -> Iterator[dict[str, Any]]:
    """Yield the seconds of every step of every epoch, and all readings of every anchor.

    Of few steps each is read in several rounds, and the median counts: with one reading each, what
    happens to the machine during one of them would decide.

    The allocator, the threads and the turns are those of a sweep. Each shape of a batch is computed
    once before: these are steps of any epoch but the first, in which oneDNN compiles what it then
    keeps (`benchmarks/inputs/new_lengths.py` shows what that takes). Otherwise, as in an epoch, a
    batch has another shape than the one before.

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
    shapes = _one_of_each_shape(task)
    for planned in shapes:
        step(make_batch(point, planned))
    for anchor in task.anchors:
        step(batch_of(replace(point, length=anchor.length), anchor.batch_size))
    seconds: list[list[list[float]]] = [[[] for _ in steps] for steps in task.epochs]
    anchors: list[list[float]] = [[] for _ in task.anchors]
    for number in range(task.rounds):
        surroundings.before_step(number, 0.0)
        for anchor, found in zip(task.anchors, anchors, strict=True):
            batch = batch_of(replace(point, length=anchor.length), anchor.batch_size)
            if anchor.readings > 1:
                step(batch)  # wakes the machine
            found += [step(batch) for _ in range(anchor.readings)]
        for epoch in in_turn(len(task.epochs), number):
            for place in in_round(len(task.epochs[epoch]), number, task.rounds):
                seconds[epoch][place].append(step(make_batch(point, task.epochs[epoch][place])))
    longest = max(shapes, key=partial(_length, task))
    step(make_batch(point, longest))  # the check is about this length
    module.check_active(point.length)
    medians = [[median(readings) for readings in steps] for steps in seconds]
    yield {"seconds": medians, "anchors": anchors} | surroundings.fields()


def in_turn(count: int, number: int) -> list[int]:
    """Return 0 to `count - 1` beginning with another one in each round."""
    return [(place + number) % count for place in range(count)]


def in_round(count: int, number: int, rounds: int) -> Sequence[int]:
    """Return which of `count` steps a round runs: each in one round, few ones in several."""
    return [number % count] if count < rounds else range(number, count, rounds)


def _one_of_each_shape(task: EpochTask) -> list[PaddedBatch]:
    """Return a step of each number of samples and length of the tensors, the largest first."""
    steps = [step for steps in task.epochs for step in steps]
    shapes = {(len(step.lengths), _length(task, step)): step for step in steps}
    return [shapes[shape] for shape in sorted(shapes, key=lambda s: s[0] * s[1] ** 2, reverse=True)]


def _length(task: EpochTask, step: PaddedBatch) -> int:
    return step_length(step, {"modality": task.point.modality, "variant": task.point.variant})
