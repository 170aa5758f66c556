"""The search for the best batch size, on hand-written rates and on a real model."""

from dataclasses import replace
from typing import Any

import pytest

from lightning_modules.models.base import VariantModule
from profiling.instruments.batch_shapes import UNKNOWN
from profiling.instruments.steps import Sample
from profiling.measuring import batch_search
from profiling.measuring.batch_search import Run, Trial, search_batch
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.pace import Opening
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of

EFFORT = Effort(num_warmup_steps=1, min_samples=3, seconds_per_measurement=1.0)


def point_up_to(max_batch_size: int) -> Point:
    point = points_of("text", [12], [{"name": "bert", "implementations": ["sdpa"]}])[0]
    conditions = replace(CONDITIONS, max_batch_size=max_batch_size)
    return replace(point, num_classes=130, conditions=conditions)


# With the allocator as it comes: that of the tests' own process stays as it is.
POINT = point_up_to(1)
SURROUNDINGS = Surroundings(replace(POINT, conditions=replace(CONDITIONS, allocator="system")))


class Machine:
    """Gives each batch size the milliseconds it was told, and memory up to a size."""

    opens_at = 1.0
    """By how much the last size that is tried is slower while it is only tried."""
    outgrown_by: tuple[int, ...] = ()
    """Sizes that no longer fit when the trial goes on."""

    def __init__(self, step_ms: dict[int, float], fits: int = 10**6) -> None:
        self.step_ms = step_ms
        self.fits = fits
        self.tried: list[tuple[int, Effort, bool]] = []

    def __call__(
        self,
        point: Point,
        batch_size: int,
        effort: Effort,
        run: Run,
        checked: bool = False,
        opening: Opening | None = None,
    ) -> Trial | None:
        self.tried.append((batch_size, effort, checked))
        if batch_size > self.fits:
            return None
        opened_ms = self.step_ms[batch_size] * self.opens_at
        opened = [Sample("inference", UNKNOWN, opened_ms, None, None, None, None)]
        if opening is not None and not opening.goes_on(opened):
            return Trial.of(batch_size, [], "kernel")
        if batch_size in self.outgrown_by:
            return None
        step = Sample(
            "inference", UNKNOWN, self.step_ms[batch_size], None, None, None, None, batch_size
        )
        return Trial.of(batch_size, [step] * effort.min_samples, "kernel")


def search(monkeypatch: pytest.MonkeyPatch, machine: Machine, cap: int, ms_at_1: float) -> dict:
    monkeypatch.setattr(batch_search, "_try_batch", machine)
    return search_batch(point_up_to(cap), EFFORT, 1e3 / ms_at_1, SURROUNDINGS)


def test_the_best_batch_is_measured_again_with_the_full_effort(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine({2: 15.0, 4: 20.0, 8: 80.0})
    found = search(monkeypatch, machine, 8, 10.0)
    assert found["throughput_batch_size"] == 4
    assert found["throughput_samples_per_s"] == pytest.approx(4 / 0.020)
    assert found["throughput_latency_ms_samples"] == [20.0] * 3
    assert found["throughput_page_faults_per_step"] == 4.0
    assert found["throughput_attention_kernel"] == "kernel"
    assert (found["largest_batch_size"], found["largest_batch_limited_by"]) == (8, "cap")
    assert [size for size, *_ in machine.tried] == [2, 4, 8, 4]
    assert machine.tried[-1][1:] == (EFFORT, True)


def test_memory_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine({2: 15.0, 4: 20.0}, fits=4)
    found = search(monkeypatch, machine, 64, 10.0)
    assert (found["largest_batch_size"], found["largest_batch_limited_by"]) == (4, "memory")


def test_a_trial_that_would_take_too_long_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three steps of 4 seconds each are more than ten seconds allow.
    machine = Machine({1: 1000.0, 2: 2100.0, 4: 4000.0})
    found = search(monkeypatch, machine, 64, 1000.0)
    assert (found["largest_batch_size"], found["largest_batch_limited_by"]) == (2, "time")


def test_a_winner_that_no_longer_fits_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine({1: 10.0, 2: 15.0, 4: 20.0, 8: 80.0})

    def forgetful(*arguments: Any, **named: Any) -> Trial | None:
        machine.fits = 2 if len(machine.tried) == 3 else machine.fits
        return machine(*arguments, **named)

    monkeypatch.setattr(batch_search, "_try_batch", forgetful)
    found = search_batch(point_up_to(8), EFFORT, 100.0, SURROUNDINGS)
    assert found["throughput_batch_size"] == 2
    assert found["largest_batch_size"] == 8


def test_the_last_size_goes_on_if_it_is_the_best_and_its_trial_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine({2: 15.0, 4: 20.0})
    machine.opens_at = 1.3  # 26 ms for 4 samples: still the best
    found = search(monkeypatch, machine, 4, 10.0)
    assert found["throughput_batch_size"] == 4
    assert found["throughput_latency_ms_samples"] == [20.0] * 3
    assert [size for size, *_ in machine.tried] == [2, 4]
    assert machine.tried[-1][1:] == (EFFORT, True)


def test_a_last_size_that_outgrows_the_memory_as_it_goes_on_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine({1: 10.0, 2: 15.0, 4: 20.0})
    machine.outgrown_by = (4,)
    found = search(monkeypatch, machine, 4, 10.0)
    assert found["throughput_batch_size"] == 2
    assert found["largest_batch_size"] == 4
    assert [size for size, *_ in machine.tried] == [2, 4, 4, 2]


@pytest.mark.parametrize("phase", ["inference", "training"])
@pytest.mark.parametrize("goes_on", [True, False])
def test_an_opening_decides_whether_steps_are_measured_and_is_not_among_them(
    phase: str, goes_on: bool
) -> None:
    point = replace(points_of("text", [12], ["bert"])[0], phase=phase, num_classes=130)
    module = build_point(point)
    calls = count_calls(module)
    numbers: list[int] = []
    heard: list[Sample] = []

    def hear(samples: list[Sample]) -> bool:
        heard.extend(samples)
        return goes_on

    opening = Opening(Effort(1, 2, 0.0), hear)
    effort = Effort(1, 4, 0.0)
    measured = run_steps(
        module, point, batch_of(point, 3), effort, before_step=numbers.append, opening=opening
    )
    assert len(heard) == 2
    assert len(measured) == (4 if goes_on else 0)
    assert not {id(sample) for sample in heard} & {id(sample) for sample in measured}
    assert numbers == ([0, 1, 2, 3] if goes_on else [])
    assert len(calls) == 1 + 2 + (4 if goes_on else 0)


def test_steps_of_the_opening_are_a_part_of_the_warm_up() -> None:
    point = replace(points_of("text", [12], ["bert"])[0], num_classes=130)
    module = build_point(point)
    calls = count_calls(module)
    opening = Opening(Effort(1, 1, 0.0), lambda samples: True)
    measured = run_steps(module, point, batch_of(point, 1), Effort(5, 2, 0.0), opening=opening)
    assert (len(measured), len(calls)) == (2, 5 + 2)


def count_calls(module: VariantModule) -> list[int]:
    calls: list[int] = []
    module.register_forward_pre_hook(lambda *_: calls.append(1))
    return calls


def test_a_real_model_is_searched_with_its_path_checked() -> None:
    found = search_batch(point_up_to(4), Effort(1, 3, 0.5), 100.0, SURROUNDINGS)
    assert found["throughput_batch_size"] in (1, 2, 4)
    assert found["largest_batch_size"] == 4
    assert "flash" in found["throughput_attention_kernel"]
    assert len(found["throughput_latency_ms_samples"]) >= 3
