"""Steps of the frontier: what their memory is made of, and the threads that make them."""

from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest
import torch

from profiling.children.server import run_in_child
from profiling.instruments.memory import MIB, supports_peak
from profiling.measuring.frontier_step import make_whole_steps
from profiling.planning.frontier import WholeSteps
from profiling.planning.points import Point
from profiling.sweeping.frontier_pass import STEPS
from tests.samples.variants.points import CONDITIONS, points_of

SIDE = 128


def point_of(modality: str, length: int, variant: str, implementation: str) -> Point:
    chosen = {"name": variant, "implementations": [implementation]}
    points = points_of(modality, [length], [chosen])
    return next(point for point in points if point.phase == "inference")


def said_of(server: ForkServerContext, work: str, steps: WholeSteps) -> dict[str, Any]:
    outcome = run_in_child(server, work, steps, 300)
    assert outcome.kind == "ok", outcome
    said: dict[str, Any] = outcome.value
    return said


@pytest.mark.skipif(not supports_peak("cpu"), reason="no process can reset its peak here")
def test_a_larger_batch_is_in_the_peak_and_not_in_the_loaded_model(
    server: ForkServerContext,
) -> None:
    point = point_of("vision", SIDE, "vit", "sdpa")
    one, many = (said_of(server, STEPS, WholeSteps(point, size)) for size in (1, 32))
    weights_mib = 4 * one["parameters"] / MIB
    for said in (one, many):
        assert said["loaded_memory_mib"] == pytest.approx(weights_mib, abs=1.5)
    assert many["loaded_memory_mib"] == pytest.approx(one["loaded_memory_mib"], abs=1)
    further_images_mib = 31 * 3 * SIDE**2 * 4 / MIB
    assert many["fitting_peak_mib"] - one["fitting_peak_mib"] > further_images_mib


def threads_of_model(steps: WholeSteps) -> Iterator[dict[str, Any]]:
    """Build the model of steps in a process that had more threads, and say how many are left."""
    torch.set_num_threads(2)
    next(make_whole_steps(steps))
    yield {"threads": torch.get_num_threads()}


@pytest.mark.parametrize(
    ("variant", "implementation", "compiled"),
    [("bert", "sdpa", False), ("bert", "sdpa", True), ("local_bert", "local_flex", False)],
)
def test_steps_have_the_threads_of_their_row_whether_they_are_rehearsed_or_not(
    server: ForkServerContext, variant: str, implementation: str, compiled: bool
) -> None:
    point = point_of("text", 24, variant, implementation)
    conditions = replace(CONDITIONS, threads=1)
    point = replace(point, conditions=conditions, compiled=compiled)
    work = f"{__name__}:{threads_of_model.__name__}"
    assert said_of(server, work, WholeSteps(point, 1)) == {"threads": 1}
