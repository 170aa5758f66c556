"""What a measuring child says of its allocator, its neighbours and the clock of its cores."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext

import pytest

from profiling.children.server import run_in_child
from profiling.instruments.neighbours import DISTURBED_FROM
from profiling.measuring.steps import surroundings
from profiling.planning.requests import Effort
from tests.samples.variants.points import points_of

SPEED = "profiling.measuring.tasks:measure_speed"


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_measured_row_has_the_faults_and_the_neighbours_of_its_steps(
    server: ForkServerContext, phase: str
) -> None:
    points = points_of("speech", [150], [{"name": "hubert", "implementations": ["sdpa"]}])
    point = next(point for point in points if point.phase == phase)
    point = replace(point, metrics=("latency",), effort=Effort(2, 5, 0.1))
    row = run_in_child(server, SPEED, point, 100).value
    assert 0 <= row["others_cpu_share"] <= 1
    assert row["disturbed"] == (row["others_cpu_share"] > DISTURBED_FROM)
    if (
        run_in_child(
            server, "profiling.measuring.steps.surroundings:find_allocator", None, 100
        ).value
        == "kept"
    ):
        assert row["page_faults_per_step"] <= 50


def test_a_child_that_cannot_keep_memory_says_so(
    server: ForkServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "keep_freed_memory", lambda: False)
    assert surroundings.find_allocator() == "system"
    (point, *_) = points_of("text", [12], ["bert"])
    with pytest.raises(RuntimeError, match="`allocator` kept"):
        surroundings.Surroundings(point)


@pytest.mark.parametrize(("found", "told"), [([2000.0, 3000.0], 2500.0), ([None, None], None)])
def test_a_row_has_the_mean_clock_of_all_that_was_timed(
    monkeypatch: pytest.MonkeyPatch, found: list[float | None], told: float | None
) -> None:
    readings = iter(found)
    monkeypatch.setattr(surroundings, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(surroundings, "Headroom", lambda: None)
    monkeypatch.setattr(surroundings, "run_steps", lambda *_, **__: [])
    monkeypatch.setattr(surroundings, "mean_mhz", lambda cores: next(readings))
    (point, *_) = points_of("text", [12], ["bert"])
    watched = surroundings.Surroundings(point)
    for _ in found:
        nothing: dict = {}
        watched.time_steps(None, point, nothing, point.effort)  # type: ignore[arg-type]
    assert watched.fields()["cpu_mhz"] == told
