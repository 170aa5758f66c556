"""The search for the border of what fits, on memory laws of which the border is known."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.sweeping.frontier import TOLERANCE, find_border
from profiling.sweeping.memory_law import predict_border
from profiling.sweeping.tries import Border, Limits, Try

BUDGET_MIB = 1000.0
BATCHES = Limits(BUDGET_MIB, start=1, seconds=600.0, cap=65_535)
LENGTHS = Limits(BUDGET_MIB, start=128, seconds=600.0, cap=2**20, degree=2)
SIDES = Limits(BUDGET_MIB, start=64, seconds=600.0, cap=2**14, least=32, step=32, degree=4)
Law = Callable[[int], float]


def search(law: Law, limits: Limits, noise_mib: float = 0.0, seed: int = 0) -> Border:
    """Search under a law of MiB; what exceeds the budget fails, as in a process."""
    chance = random.Random(seed)

    def attempt(value: int, verifies: bool, seconds: float | None) -> Try:
        peak = law(value) + chance.uniform(-noise_mib, noise_mib)
        fits = peak <= limits.budget_mib
        return Try(value, "ok" if fits else "oom", peak if fits else None, 1.0, verifies)

    return find_border(attempt, limits)


def powers(factors: list[float], value: int) -> float:
    """Return MiB that grow with powers of a value, from the zeroth on."""
    return sum(factor * value**power for power, factor in enumerate(factors))


def check(found: Border, law: Law, limits: Limits, noise_mib: float = 0.0) -> None:
    """Make sure that the border lies in what was found, and that this is narrow."""
    assert found.limited_by == "memory"
    assert found.feasible is not None
    assert found.infeasible is not None
    assert law(found.feasible) <= limits.budget_mib + noise_mib
    assert law(found.infeasible) > limits.budget_mib - noise_mib
    gap = found.infeasible - found.feasible
    assert gap <= max(limits.step, TOLERANCE * found.feasible)
    assert found.tries[-1].verifies
    assert found.tries[-1].value == found.feasible
    assert all(one.value % limits.step == 0 for one in found.tries)


@given(fixed=st.floats(0.5, 700), each=st.floats(0.02, 200))
def test_a_batch_that_costs_a_straight_line_is_found_in_few_tries(
    fixed: float, each: float
) -> None:
    def law(batch: int) -> float:
        return fixed + each * batch

    found = search(law, BATCHES)
    check(found, law, BATCHES)
    assert len(found.tries) <= 12


@given(fixed=st.floats(0.5, 500), linear=st.floats(0.001, 0.5), bend=st.floats(0.0, 1e-4))
def test_a_length_that_costs_a_parabola_is_found_in_few_tries(
    fixed: float, linear: float, bend: float
) -> None:
    def law(length: int) -> float:
        return fixed + linear * length + bend * length**2

    found = search(law, LENGTHS)
    check(found, law, LENGTHS)
    assert len(found.tries) <= 14


@given(per_token=st.floats(0.002, 0.05), per_pair=st.floats(0.0, 1e-5))
def test_the_side_of_an_image_is_found_in_steps_of_32_pixels(
    per_token: float, per_pair: float
) -> None:
    def law(side: int) -> float:
        tokens = (side // 16) ** 2 + 1
        return 30 + per_token * tokens + per_pair * tokens**2

    found = search(law, SIDES)
    check(found, law, SIDES)
    assert len(found.tries) <= 14


@given(linear=st.floats(0.004, 0.5), stair=st.sampled_from([64, 512, 1024]))
def test_a_staircase_of_padding_is_found(linear: float, stair: int) -> None:
    def law(length: int) -> float:
        return 20 + linear * math.ceil(length / stair) * stair

    found = search(law, LENGTHS)
    check(found, law, LENGTHS)
    assert len(found.tries) <= 16


@settings(max_examples=200)
@given(
    each=st.floats(0.05, 100),
    bend=st.floats(-0.2, 0.2),
    noise_mib=st.floats(0, 10),
    seed=st.integers(0, 999),
)
def test_noise_and_a_bent_line_only_cost_some_more_tries(
    each: float, bend: float, noise_mib: float, seed: int
) -> None:
    def law(batch: int) -> float:
        return 30 + each * batch ** (1 + bend)

    found = search(law, BATCHES, noise_mib, seed)
    if found.limited_by == "cap":
        assert law(BATCHES.cap) <= BUDGET_MIB + noise_mib
        return
    check(found, law, BATCHES, noise_mib)
    assert len(found.tries) <= 18


def test_typical_searches_take_few_tries() -> None:
    chance = random.Random(7)
    numbers = []
    for _ in range(300):
        fixed, each = chance.uniform(1, 400), chance.uniform(0.1, 5)
        line, parabola = [fixed, each, 0.0], [fixed, each / 50, 1e-6]
        numbers.append(len(search(partial(powers, line), BATCHES, 1.0).tries))
        numbers.append(len(search(partial(powers, parabola), LENGTHS, 1.0).tries))
    assert sum(numbers) / len(numbers) < 8
    assert sorted(numbers)[int(0.97 * len(numbers))] <= 12


def test_what_never_fails_is_limited_by_the_cap() -> None:
    found = search(lambda batch: 40.0, replace(BATCHES, cap=3000))
    assert (found.feasible, found.infeasible, found.limited_by) == (3000, None, "cap")


def test_where_a_model_takes_nothing_beyond_the_cap_that_is_said() -> None:
    limits = replace(LENGTHS, cap=1500, limited_at_cap="positions")
    found = search(lambda length: 40.0, limits)
    assert (found.feasible, found.infeasible, found.limited_by) == (1500, None, "positions")
    assert max(one.value for one in found.tries) == 1500
    assert found.tries[-1].verifies


def test_nothing_that_fits_at_all_is_said() -> None:
    found = search(lambda batch: 2 * BUDGET_MIB, BATCHES)
    assert (found.feasible, found.infeasible, found.limited_by) == (None, 1, "memory")
    assert len(found.tries) == 1


def test_a_length_that_fails_at_once_is_looked_for_below() -> None:
    limits = replace(LENGTHS, start=5000, least=65)
    found = search(lambda length: 10 + length / 2, limits)
    check(found, lambda length: 10 + length / 2, limits)


def test_time_that_runs_out_leaves_the_largest_that_fitted() -> None:
    def attempt(value: int, verifies: bool, seconds: float | None) -> Try:
        return Try(value, "ok", 20.0 + value / 100, 40.0 if value > 1 else 5.0, verifies)

    found = find_border(attempt, replace(BATCHES, seconds=100.0))
    assert found.limited_by == "time"
    assert found.infeasible is None
    assert found.feasible == max(one.value for one in found.tries)
    assert sum(not one.verifies for one in found.tries) == 3


def test_a_try_that_is_given_up_ends_the_search() -> None:
    def attempt(value: int, verifies: bool, seconds: float | None) -> Try:
        late = value > 100
        assert verifies or seconds is not None
        return Try(value, "time" if late else "ok", None if late else 20.0, 3.0, verifies)

    found = find_border(attempt, BATCHES)
    assert found.limited_by == "time"
    assert found.infeasible is None
    assert found.feasible is not None
    assert found.feasible <= 100


def test_positions_that_are_too_few_are_a_border_like_memory() -> None:
    def attempt(value: int, verifies: bool, seconds: float | None) -> Try:
        few = value > 512
        return Try(value, "positions" if few else "ok", None if few else 20.0, 1.0, verifies)

    found = find_border(attempt, LENGTHS)
    assert found.limited_by == "positions"
    assert found.feasible is not None
    assert found.feasible <= 512 < (found.infeasible or 0)


def test_an_error_ends_the_search_and_is_told() -> None:
    def attempt(value: int, verifies: bool, seconds: float | None) -> Try:
        if value == 1:
            return Try(1, "ok", 20.0, 1.0)
        return Try(value, "error", None, 1.0, error="it was killed")

    found = find_border(attempt, BATCHES)
    assert (found.feasible, found.limited_by, found.error) == (None, None, "it was killed")
    assert [one.outcome for one in found.tries] == ["ok", "error"]


def test_an_answer_that_fails_when_verified_is_taken_back() -> None:
    def attempt(value: int, verifies: bool, seconds: float | None) -> Try:
        peak = 40 + 3.0 * value * (1.1 if verifies else 1.0)
        fits = peak <= BUDGET_MIB
        return Try(value, "ok" if fits else "oom", peak if fits else None, 1.0, verifies)

    found = find_border(attempt, BATCHES)
    assert found.feasible is not None
    assert 40 + 3.3 * found.feasible <= BUDGET_MIB
    assert found.infeasible is not None
    assert found.infeasible - found.feasible <= max(1, TOLERANCE * found.feasible)
    assert found.tries[-1].verifies
    assert found.tries[-1].outcome == "ok"


@pytest.mark.parametrize(
    ("seen", "degree", "border"),
    [
        ([(1, 50.0)], 1, None),
        ([(1, 50.0), (3, 50.0)], 1, None),
        ([(1, 60.0), (10, 150.0)], 1, 95.0),
        ([(100, 110.0), (200, 140.0)], 2, math.sqrt(9e4)),
        ([(100, 130.0), (200, 180.0), (400, 340.0)], 2, None),
    ],
)
def test_a_prediction_follows_the_curve(
    seen: list[tuple[int, float]], degree: int, border: float | None
) -> None:
    budget = {1: 1000.0, 2: 190.0}[degree]
    predicted = predict_border(seen, budget, degree)
    if len(seen) == 3:
        c = (340 - 180) / 200 - 0.5
        assert predicted is not None
        x = predicted
        law = 340 + 0.8 * (x - 400) + c / 300 * (x - 400) * (x - 200)
        assert law == pytest.approx(budget)
    else:
        assert predicted == (None if border is None else pytest.approx(border))
