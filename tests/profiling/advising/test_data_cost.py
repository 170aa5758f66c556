from collections.abc import Iterable
from itertools import combinations

import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.costs.fitting import Observation, fit_cost_model
from profiling.advising.costs.tokens import Tokens
from profiling.advising.data_cost import cost_of_plan, peak_of_plan
from profiling.advising.plans import MOST_SAMPLES, plan_epoch

DATA = LengthDistribution("made up", "text", "tokens", (100, 200, 400), (5, 3, 2), "nowhere")


def step(tokens: float, batch_size: int) -> float:
    return 0.5 + batch_size * (1.0 + 0.01 * tokens + 2e-5 * tokens**2)


MODEL = fit_cost_model(
    [Observation(0, n, b, step(n, b)) for n in (50, 100, 200, 400, 800) for b in (1, 4)], Tokens()
)


def test_at_batch_one_the_cost_is_the_sum_over_the_samples():
    exact = (5 * step(100, 1) + 3 * step(200, 1) + 2 * step(400, 1)) / 10

    found = cost_of_plan(MODEL, plan_epoch(DATA, "dynamic", 1))

    assert found.per_sample == pytest.approx([exact])
    assert found.extrapolated_share == 0


def test_padded_to_the_maximum_every_step_is_of_the_longest():
    plan = plan_epoch(DATA, "pad_to_maximum", 4)

    exact = (2 * step(400, 4) + step(400, 2)) / 10
    assert cost_of_plan(MODEL, plan).per_sample == pytest.approx([exact])
    assert plan.padding_share == pytest.approx(1 - 1900 / 4000)


def test_buckets_of_three_lengths_leave_no_padding():
    plan = plan_epoch(DATA, "buckets", 4)

    exact = (step(100, 4) + step(100, 1) + step(200, 3) + step(400, 2)) / 10
    assert plan.edges == (100, 200, 400)
    assert plan.padding_share == 0
    assert cost_of_plan(MODEL, plan).per_sample == pytest.approx([exact])


def test_packed_samples_cost_what_each_costs_at_its_own_length():
    plan = plan_epoch(DATA, "packed", 4)

    fixed = 3 * step(0, 0)  # of three steps, whoever meets in them
    alone = sum(count * (step(n, 1) - step(0, 0)) for n, count in ((100, 5), (200, 3), (400, 2)))
    assert cost_of_plan(MODEL, plan).per_sample == pytest.approx([(fixed + alone) / 10])
    assert plan.padding_share == 0


def test_packed_samples_take_what_each_takes_above_the_weights():
    model = fit_cost_model(
        [Observation(0, n, 1, 10 + 0.01 * n**2) for n in (50, 100, 200, 400, 800)], Tokens()
    )
    data = LengthDistribution("made up", "text", "tokens", (100, 300), (1, 1), "nowhere")

    found = peak_of_plan(model, plan_epoch(data, "packed", 2), 10.0)

    assert found.per_sample == pytest.approx([10 + 0.01 * (100**2 + 300**2)], rel=1e-3)


MASKED = fit_cost_model(
    [Observation(0, n, b, step(n, b) + 2.0) for n in (50, 100, 200, 400, 800) for b in (1, 4)],
    Tokens(shortest=50),
)


def test_only_steps_that_hold_padding_pay_for_its_mask():
    mixed = LengthDistribution("made up", "text", "tokens", (100, 200), (3, 1), "nowhere")

    # One batch of both lengths, padded; then one step each, of which three lack tokens.
    dynamic = cost_of_plan(MODEL, plan_epoch(mixed, "dynamic", 4), MASKED)
    maximum = cost_of_plan(MODEL, plan_epoch(mixed, "pad_to_maximum", 1), MASKED)
    alone = cost_of_plan(MODEL, plan_epoch(mixed, "dynamic", 1), MASKED)
    buckets = cost_of_plan(MODEL, plan_epoch(DATA, "buckets", 4), MASKED)

    assert dynamic.per_sample == pytest.approx([(step(200, 4) + 2.0) / 4])
    assert maximum.per_sample == pytest.approx([step(200, 1) + 2.0 * 3 / 4])
    assert alone.per_sample == pytest.approx(
        cost_of_plan(MODEL, plan_epoch(mixed, "dynamic", 1)).per_sample
    )
    assert buckets.per_sample == pytest.approx(
        cost_of_plan(MODEL, plan_epoch(DATA, "buckets", 4)).per_sample
    )


def test_packed_samples_of_several_lengths_pay_for_the_packing():
    plan = plan_epoch(DATA, "packed", 10)

    without = cost_of_plan(MODEL, plan).per_sample
    assert cost_of_plan(MODEL, plan, MASKED).per_sample == pytest.approx(without + 2.0 / 10)


def test_what_is_padded_to_the_shortest_length_of_a_variant_has_a_mask():
    model = fit_cost_model(
        [Observation(0, n, 1, step(n, 1)) for n in (150, 200, 400, 800)], Tokens(shortest=150)
    )
    plan = plan_epoch(DATA, "dynamic", 1)

    more = cost_of_plan(model, plan, MASKED).per_sample - cost_of_plan(model, plan).per_sample
    assert more == pytest.approx([5 / 10 * (step(100, 1) + 2.0 - step(150, 1))], rel=1e-3)


def test_samples_beyond_the_maximum_are_cut_and_counted():
    plan = plan_epoch(DATA, "dynamic", 1, max_length=150)

    exact = (5 * step(100, 1) + 5 * step(150, 1)) / 10
    assert plan.num_cut == 5
    assert cost_of_plan(MODEL, plan).per_sample == pytest.approx([exact])


def test_what_lies_beyond_the_measured_lengths_is_counted_by_its_cost():
    data = LengthDistribution("made up", "text", "tokens", (100, 1600), (1, 1), "nowhere")

    found = cost_of_plan(MODEL, plan_epoch(data, "dynamic", 1))

    assert found.extrapolated_share == pytest.approx(step(1600, 1) / (step(100, 1) + step(1600, 1)))
    assert found.extrapolation_error > 0


def test_very_many_samples_cost_as_much_as_few_of_the_same_lengths():
    many = LengthDistribution(
        "made up", "text", "tokens", DATA.values, (5 * 10**6, 3 * 10**6, 2 * 10**6), "nowhere"
    )
    plan = plan_epoch(many, "dynamic", 1)

    assert plan.count == MOST_SAMPLES
    few = cost_of_plan(MODEL, plan_epoch(DATA, "dynamic", 1)).per_sample
    assert cost_of_plan(MODEL, plan).per_sample == pytest.approx(few)


RARE = LengthDistribution("made up", "text", "tokens", (100, 800), (99_999, 1), "nowhere")


def test_of_very_many_samples_the_longest_one_still_is_what_all_are_padded_to():
    assert set(plan_epoch(RARE, "pad_to_maximum", 1).steps) == {(800.0,)}
    # Nor is there a step of that length where all are padded to more.
    assert set(plan_epoch(RARE, "pad_to_maximum", 1, max_length=900).steps) == {(900.0,)}


@pytest.mark.parametrize("policy", ["dynamic", "buckets", "packed"])
def test_of_very_many_samples_the_longest_one_needs_its_memory_and_hardly_any_time(policy):
    peaks = [Observation(0, n, 1, 50.0 + 0.1 * n) for n in (50, 100, 200, 400, 800)]
    plan = plan_epoch(RARE, policy, 1)

    assert peak_of_plan(fit_cost_model(peaks, Tokens()), plan, 50.0).per_sample == pytest.approx(
        [130.0], rel=1e-3
    )
    assert cost_of_plan(MODEL, plan).per_sample == pytest.approx([step(100, 1)], rel=1e-3)


def test_a_longest_sample_that_is_cut_is_as_long_as_it_is_cut_to():
    plan = plan_epoch(RARE, "dynamic", 1, max_length=300)

    assert max(map(max, plan.steps)) == 300


def test_images_hold_no_padding_and_their_buckets_leave_the_fewest_pixels():
    sides = LengthDistribution(
        "made up", "vision", "pixels", tuple(range(32, 321, 32)), (10,) * 10, "nowhere"
    )

    plan = plan_epoch(sides, "buckets", 4)

    def pixels(edges: Iterable[int]) -> int:
        return sum(10 * min(e for e in edges if e >= side) ** 2 for side in sides.values)

    assert plan.padding_share == 0
    rivals = [(*inner, 320) for inner in combinations(sides.values[:-1], len(plan.edges) - 1)]
    assert pixels(plan.edges) == min(map(pixels, rivals))


@pytest.mark.parametrize(("max_length", "side"), [(None, 576), (500, 512)])
@pytest.mark.parametrize("policy", ["dynamic", "buckets", "pad_to_maximum"])
def test_images_are_planned_with_the_sides_at_which_models_compute_them(policy, max_length, side):
    sides = LengthDistribution("made up", "vision", "pixels", (530, 554), (3, 5), "nowhere")

    plan = plan_epoch(sides, policy, 4, max_length)

    longest = max(map(max, plan.steps))
    assert longest == side
    assert plan.num_cut == (8 if max_length else 0)


def test_memory_is_that_of_the_largest_step_with_weights_once():
    peaks = [Observation(0, n, 1, 50.0 + 0.1 * n) for n in (50, 100, 200, 400)]
    model = fit_cost_model(peaks, Tokens())

    found = peak_of_plan(model, plan_epoch(DATA, "pad_to_maximum", 4), loaded=50.0)

    assert found.per_sample == pytest.approx([50.0 + 4 * 40.0], rel=1e-3)


def test_what_steps_of_unmeasured_batch_sizes_cost_is_counted():
    plan = plan_epoch(DATA, "pad_to_maximum", 8)  # eight samples, then two

    found = cost_of_plan(MODEL, plan)

    exact = step(400, 8) / (step(400, 8) + step(400, 2))
    assert found.beside_batches_share == pytest.approx(exact)
    assert cost_of_plan(MODEL, plan_epoch(DATA, "pad_to_maximum", 4)).beside_batches_share == 0
