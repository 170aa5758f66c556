"""Estimates for a GPU that is not here, against figures worked out by hand."""

from dataclasses import replace

import pytest

from profiling.errors import SettingsError
from profiling.planning.assumed_devices import ASSUMED, find_assumed
from profiling.planning.grids import make_points, synthetic_facts
from profiling.planning.points import Conditions, Point
from profiling.planning.requests import Effort
from profiling.planning.settings import ModalitySettings, Phase, Precision, SweepSettings

CHECKED = ASSUMED["h100"]


def point_of(
    modality: str,
    variant: str,
    implementation: str,
    length: int,
    phase: Phase = "inference",
    precision: Precision = "bf16-true",
) -> Point:
    chosen = ModalitySettings(variants=[variant], lengths=[length])
    settings = SweepSettings(
        {modality: chosen},
        implementations=[implementation],
        phases=[phase],
        precision=precision,
        size="base",
        device="cuda",
    )
    conditions = Conditions("base", precision, "cuda", "h100", 1, "kept", "none", 64.0, 8, 0)
    (point,) = make_points(settings, conditions, {modality: synthetic_facts(settings, modality)})
    return point


@pytest.mark.parametrize(
    ("modality", "variant", "implementation", "length", "milliseconds"),
    [
        ("text", "bert", "sdpa", 512, 3.0),  # launching its operators
        ("text", "bert", "sdpa", 4096, 4.0),
        ("text", "bert", "sdpa", 16_384, 33.0),
        ("speech", "hubert", "sdpa", 615, 3.0),
        ("speech", "hubert", "sdpa", 3000, 4.9),
        ("speech", "hubert", "sdpa", 30_000, 124.0),
        ("speech", "lhubert", "local_varlen", 30_000, 42.0),
    ],
)
def test_a_step_is_near_what_its_operations_take(
    modality: str, variant: str, implementation: str, length: int, milliseconds: float
) -> None:
    found = 1e3 * CHECKED.step_s(point_of(modality, variant, implementation, length))
    assert milliseconds / 1.35 < found < 1.35 * milliseconds


def test_training_float32_and_scores_in_memory_take_longer() -> None:
    usual = CHECKED.step_s(point_of("text", "bert", "sdpa", 8192))
    assert CHECKED.step_s(point_of("text", "bert", "sdpa", 8192, "training")) > 2 * usual
    assert CHECKED.step_s(point_of("text", "bert", "eager", 8192)) > 1.2 * usual
    single = point_of("text", "bert", "sdpa", 8192, precision="32-true")
    assert CHECKED.step_s(single) > 4 * usual


def test_a_visit_that_is_skipped_takes_no_time_and_another_a_process() -> None:
    skipped = point_of("text", "local_bert", "local_varlen", 128, precision="32-true")
    assert skipped.skip_reason
    assert CHECKED.visit_s(skipped) == 0
    assert CHECKED.visit_s(point_of("text", "bert", "sdpa", 128)) > 2


def test_memory_beside_speed_takes_no_process_of_its_own_in_any_visit() -> None:
    point = replace(point_of("text", "bert", "sdpa", 512), metrics=("latency", "memory"))
    first, third = (CHECKED.visit_s(point, number) for number in (0, 2))
    assert first == third == CHECKED.visit_s(replace(point, metrics=("latency",)))
    alone = replace(point, metrics=("memory",))
    assert 0 < CHECKED.visit_s(alone, 0) == CHECKED.visit_s(alone, 2)


def test_a_visit_has_the_warm_up_and_the_step_that_is_profiled() -> None:
    point = replace(point_of("text", "bert", "sdpa", 128), metrics=("latency",))
    step_s, effort = CHECKED.step_s(point), Effort(3, 10, 0.0)
    found = CHECKED.visit_s(replace(point, effort=effort))
    # A process and a model; a step, half a second of further ones; ten timed ones; three up to the
    # profiled one, half a second for the profiler.
    assert found == pytest.approx(3.0 + 0.5 + 0.5 + 14 * step_s)
    many = replace(point, effort=replace(effort, num_warmup_steps=1000))
    assert CHECKED.visit_s(many) == pytest.approx(3.0 + 0.5 + 1013 * step_s)


def test_an_unknown_device_is_refused_with_the_choices() -> None:
    with pytest.raises(SettingsError, match="`assume_device` has no 'abacus'; choose one of: h100"):
        find_assumed("abacus")
