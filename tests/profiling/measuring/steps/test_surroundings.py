"""What a measuring child says of its allocator, its neighbours and the clock of its cores."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext
from typing import Any

import lightning
import pytest

from profiling.children.server import run_in_child
from profiling.instruments.neighbours import DISTURBED_FROM
from profiling.instruments.steps import Sample
from profiling.measuring.steps import surroundings
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.stretch import TimedStretch
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


def make_one_step(*given: Any) -> list[Sample]:
    """Say when a step begins and when the last one is over, and make none."""
    callbacks, before_step = given[4], given[6]
    before_step(0)
    callbacks[0].on_predict_end()
    return []


@pytest.mark.parametrize(("found", "told"), [([2000.0, 3000.0], 2500.0), ([None, None], None)])
def test_a_row_has_the_mean_clock_of_all_that_was_timed(
    monkeypatch: pytest.MonkeyPatch, found: list[float | None], told: float | None
) -> None:
    readings = iter(found)
    monkeypatch.setattr(surroundings, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(surroundings, "Headroom", lambda: None)
    monkeypatch.setattr(surroundings, "run_steps", make_one_step)
    monkeypatch.setattr(surroundings, "mean_mhz", lambda cores: next(readings))
    (point, *_) = points_of("text", [12], ["bert"])
    watched = surroundings.Surroundings(point)
    for _ in found:
        nothing: dict = {}
        watched.time_steps(None, point, nothing, Effort(0, 1, 0.0))  # type: ignore[arg-type]
    assert watched.fields()["cpu_mhz"] == told


class Check(lightning.Callback):
    """A check that notes when steps are over, and when it has its own turn after the last one."""

    def __init__(self, order: list[str]) -> None:
        for phase in ("train", "predict"):
            setattr(self, f"on_{phase}_batch_end", lambda *_: order.append("step"))
            setattr(self, f"on_{phase}_end", lambda *_: order.append("check"))


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_watches_see_the_timed_steps_and_nothing_that_is_done_around_them(
    monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    order: list[str] = []
    point = next(p for p in points_of("text", [12], ["bert"]) if p.phase == phase)
    point = replace(point, conditions=replace(point.conditions, allocator="system"))
    monkeypatch.setattr(TimedStretch, "_in_use_mib", lambda _: order.append("garbage"))
    watched = surroundings.Surroundings(point)
    for watch in (watched._watch, watched._neighbours):
        monkeypatch.setattr(watch, "begin", lambda: order.append("begin"))
        monkeypatch.setattr(watch, "end", lambda: order.append("end"))
    watched.time_steps(
        build_point(point), point, batch_of(point, 1), Effort(1, 2, 0.0), [Check(order)]
    )
    before, after = order.index("step") + 1, order.index("check")
    timed = order[order.index("begin", before) : after]
    assert timed == ["begin", "begin", "step", "step", "end", "end", "garbage"]
    assert "step" not in order[after:]
