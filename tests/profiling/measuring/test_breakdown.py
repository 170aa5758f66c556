"""Components are shown where they add up to the step, and where no device had to do wonders."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from multiprocessing.context import ForkServerContext
from types import SimpleNamespace
from typing import Any

import pytest

from lightning_modules.models.components import COMPONENTS
from profiling.children.server import run_in_child
from profiling.instruments.batch_shapes import BatchShape
from profiling.instruments.components.broken_steps import BrokenStep
from profiling.measuring import breakdown
from profiling.measuring.breakdown import judged
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of

TIMES = {
    ("embedding", "forward"): 1.0,
    ("attention_core", "forward"): 3.0,
    ("attention_core", "backward"): 4.0,
    ("optimiser", "forward"): 2.0,
}
COSTS = {"attention_core": {"flops": 7e6}, "head": {"flops": 0.0, "parameters": 30}}
PEAK = 1e9  # a second: 7 ms are enough for the core


def steps(times: dict[tuple[str, str], float] | None = None) -> list[BrokenStep]:
    return [BrokenStep("training", BatchShape(1, 32, None), "stepped", times or TIMES)] * 3


def test_what_adds_up_is_shown_with_what_was_counted() -> None:
    found = judged([10.0, 10.5, 9.0], steps(), COSTS, PEAK)
    assert found["components_error"] is None
    assert found["components_closure"] == pytest.approx(1.0)
    core = found["components"]["attention_core"]
    expected = {"forward_ms": 3.0, "backward_ms": 4.0, "share": 0.7, "flops": 7e6}
    assert expected.items() <= core.items()
    assert core["peak_share"] == pytest.approx(1.0)  # 7 million in 7 ms
    # A part that took no time still has its parameters.
    assert found["components"]["head"]["parameters"] == 30


@pytest.mark.parametrize("clean_ms", [8.0, 12.0])
def test_what_does_not_add_up_is_not_shown(clean_ms: float) -> None:
    found = judged([clean_ms] * 3, steps(), COSTS, PEAK)
    assert found["components"] is None
    assert "of a step that was left alone" in found["components_error"]


@pytest.mark.parametrize("planted", ["counted twice", "forgotten"])
def test_a_planted_mistake_is_caught_by_the_sum(planted: str) -> None:
    wrong = dict(TIMES)
    if planted == "forgotten":
        del wrong["attention_core", "backward"]
    else:
        wrong["feed_forward", "backward"] = wrong["attention_core", "backward"]
    assert judged([10.0] * 3, steps(wrong), COSTS, PEAK)["components"] is None


def test_a_component_that_computes_more_than_the_device_can_spoils_all() -> None:
    found = judged([10.0] * 3, steps(), {"attention_core": {"flops": 9e6}}, PEAK)
    assert found["components"] is None
    assert "attention_core would compute 1 GFLOP/s" in found["components_error"]


def test_without_a_broken_step_the_reason_is_said() -> None:
    assert judged([10.0], [], COSTS, PEAK)["components_error"] == "no step could be broken down"
    assert breakdown.fastest_flops_per_s([], COSTS) == 0.0


def measured_by_a_clock_of(
    factors: list[float], peaks: Iterator[float] | None = None, device: str = "cpu"
) -> list[dict[str, Any]]:
    """Break a point down while the clock of each attempt stretches the broken steps."""
    peaks = peaks or repeat(1e12)
    bert = {"name": "bert", "implementations": ["sdpa"]}
    conditions = replace(CONDITIONS, device=device)
    point = replace(
        points_of("text", [20], [bert])[0], effort=Effort(1, 1, 0.0), conditions=conditions
    )

    def attempt(*_: Any) -> tuple[list[float], list[BrokenStep]]:
        factor = factors.pop(0)
        return [10.0] * 3, steps({key: factor * ms for key, ms in TIMES.items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breakdown, "_broken_down", attempt)
        patch.setattr(breakdown, "_peak_flops_per_s", lambda _: next(peaks))
        patch.setattr(breakdown, "prepare_process", lambda _: None)
        patch.setattr(breakdown, "set_threads", lambda _: None)
        patch.setattr(breakdown, "Surroundings", lambda _: None)
        return list(breakdown.measure_breakdown(point))


def test_a_moment_in_which_nothing_adds_up_is_measured_again() -> None:
    factors = [1.28, 1.0, 1.0]
    *_, found = measured_by_a_clock_of(factors)
    assert found["components_closure"] == pytest.approx(1.0)
    assert found["components_error"] is None
    assert factors == [1.0]  # the third attempt was not needed


def test_what_never_adds_up_is_given_up_with_the_reason() -> None:
    factors = [1.28] * 4
    *_, found = measured_by_a_clock_of(factors)
    assert found["components"] is None
    assert "128%" in found["components_error"]
    assert len(factors) == 4 - breakdown.ATTEMPTS


def test_the_peak_is_measured_once_for_an_attempt() -> None:
    peaks = iter([1e12, 2e12, 3e12])
    *_, found = measured_by_a_clock_of([1.28, 1.0], peaks)
    assert found["peak_flops_per_s"] == 2e12
    assert [*peaks] == [3e12]


def test_steps_that_are_faster_than_the_peak_have_it_measured_again() -> None:
    peaks = iter([1.0, 1e12, 3e12])
    *_, found = measured_by_a_clock_of([1.0], peaks)
    assert found["components_error"] is None
    assert found["peak_flops_per_s"] == 1e12
    assert [*peaks] == [3e12]


@pytest.mark.parametrize(
    ("device", "share", "is_blamed"),
    [("cuda", 0.6, True), ("cuda", 0.02, False), ("cuda", None, False), ("cpu", 0.6, False)],
)
def test_a_step_that_waits_for_the_host_says_so_where_it_does_not_add_up(
    device: str, share: float | None, is_blamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def look(point: Point, latency_ms: float) -> dict[str, float | None]:
        asked.append(latency_ms)
        return {"device_busy_ms": 4.0, "host_bound_share": share}

    monkeypatch.setattr(breakdown, "measure_device_busy", look)
    *_, found = measured_by_a_clock_of([1.28] * 3, device=device)
    assert found["components"] is None
    assert "128%" in found["components_error"]
    assert found["components_error"].startswith("the host needs longer to launch") == is_blamed
    assert asked == ([10.0] if device == "cuda" else [])


def test_nobody_is_asked_about_steps_that_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakdown, "measure_device_busy", lambda *_: pytest.fail("it was asked"))
    *_, found = measured_by_a_clock_of([1.0], device="cuda")
    assert found["components_error"] is None


class Module:
    """Refers to itself, as a model and its Trainer do."""

    def __init__(self) -> None:
        self.trainer = self


def test_the_model_of_an_attempt_is_gone_before_the_next_one_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (point, *_) = points_of("text", [20], ["bert"])
    built: list[weakref.ReferenceType[Module]] = []
    alive: list[int] = []

    def build(point: Point) -> Module:
        alive.append(sum(module() is not None for module in built))
        module = Module()
        built.append(weakref.ref(module))
        return module

    monkeypatch.setattr(breakdown, "build_point", build)
    monkeypatch.setattr(breakdown, "batch_of", lambda point, batch_size: {})
    surroundings: Any = SimpleNamespace(time_steps=lambda *_, **__: [])
    gc.disable()  # it comes when it comes
    try:
        for _ in range(breakdown.ATTEMPTS):
            breakdown._broken_down(point, surroundings)
    finally:
        gc.enable()
    assert alive == [0, 0, 0]


def measured_whatever_closes(point: Point) -> Iterator[dict[str, Any]]:
    """Break a point down; whether its times add up is a matter of an idle machine."""
    breakdown.CLOSURE = (0.0, 100.0)
    yield from breakdown.measure_breakdown(point)


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_real_point_has_times_and_counts_of_its_components(
    server: ForkServerContext, phase: str
) -> None:
    bert = {"name": "bert", "implementations": ["sdpa"]}
    (point,) = [p for p in points_of("text", [70], [bert]) if p.phase == phase]
    brief = replace(point, effort=Effort(1, 3, 0.01))
    outcome = run_in_child(server, f"{__name__}:{measured_whatever_closes.__name__}", brief, 300)
    assert outcome.kind == "ok", outcome.message
    found = outcome.value or {}
    components = found["components"]
    assert list(components) == [name for name in COMPONENTS if name in components]
    assert ("optimiser" in components) == (phase == "training")
    core = components["attention_core"]
    assert core["forward_ms"] > 0
    assert (core["backward_ms"] > 0) == (phase == "training")
    # Scores and values: two products of 70 x 70 pairs and 128 widths, in two layers.
    passes = 3 if phase == "training" else 1
    assert core["flops"] == passes * 2 * 4 * 70 * 70 * 128
    assert found["flops"] == sum(part["flops"] for part in components.values())
    assert found["peak_flops_per_s"] > 0
