import numpy as np
import pytest

from profiling.advising.costs.cost_model import terms_of
from profiling.advising.costs.fitting import Observation, TooFewLengthsError, fit_cost_model
from profiling.advising.costs.tokens import Tokens

LENGTHS = (64, 130, 256, 500, 1024)


def step(tokens: float, batch_size: int) -> float:
    return 0.5 + batch_size * (1.0 + 0.01 * tokens + 2e-5 * tokens**2)


def observations(tokens: Tokens, lengths=LENGTHS, batch_sizes=(1, 8), visits=2):
    return [
        Observation(visit, length, batch_size, step(float(tokens.of([length])[0]), batch_size))
        for visit in range(visits)
        for length in lengths
        for batch_size in batch_sizes
    ]


@pytest.mark.parametrize(
    "tokens", [Tokens(), Tokens(padding=64), Tokens(shortest=100), Tokens(in_pixels=True)]
)
def test_a_sum_of_powers_is_found_again_at_lengths_and_batches_between(tokens):
    model = fit_cost_model(observations(tokens), tokens)

    places = [90, 200, 700]
    exact = [step(float(n), 4) for n in tokens.of(places)]

    assert model.predict(places, [4, 4, 4]) == pytest.approx(np.array([exact, exact]), rel=1e-6)
    assert model.holdout_error < 1e-6


def test_a_visit_that_came_back_to_a_crossing_alone_says_nothing_of_all_other_lengths():
    whole = observations(Tokens(), batch_sizes=(1,))
    near = [
        Observation(2, n, 1, step(n, 1) * factor)
        for n, factor in ((500, 0.975), (600, 1.0), (700, 1.025))
    ]

    model = fit_cost_model([*whole, *near], Tokens())

    assert model.visits == (0, 1)
    assert model.predict([64], [1]) == pytest.approx(step(64, 1), rel=1e-3)


def test_where_visits_reach_unlike_far_only_what_all_of_them_hold_counts_as_measured():
    seen = [
        each
        for each in observations(Tokens(), lengths=(64, 130, 256, 500, 1024), batch_sizes=(1,))
        if (each.visit, each.length) not in {(0, 1024), (1, 64)}
    ]

    model = fit_cost_model(seen, Tokens())

    assert (model.visits, model.shortest, model.longest) == ((0, 1), 130, 500)


def test_padding_makes_a_staircase():
    model = fit_cost_model(observations(Tokens(64)), Tokens(64))

    first, last, beyond = model.predict([129, 192, 193], [1, 1, 1])[0]

    assert first == last
    assert beyond > last


def test_no_part_is_negative_also_where_noise_asks_for_it():
    falling = [Observation(0, n, 1, cost) for n, cost in ((64, 3.0), (128, 2.0), (256, 2.1))]

    assert (fit_cost_model(falling, Tokens()).coefficients >= 0).all()


def test_of_one_batch_size_the_cost_is_all_per_sample():
    model = fit_cost_model(observations(Tokens(), batch_sizes=(1,)), Tokens())

    assert model.predict([300], [8])[0, 0] == pytest.approx(8 * model.predict([300], [1])[0, 0])


def test_the_holdout_error_shows_what_the_sum_cannot_follow():
    jump = [
        Observation(0, length, 1, step(length, 1) * (2.0 if length == 256 else 1.0))
        for length in LENGTHS
    ]

    assert fit_cost_model(jump, Tokens()).holdout_error > 0.05


def test_extrapolation_is_off_by_nothing_inside_and_by_more_the_farther_outside():
    model = fit_cost_model(observations(Tokens()), Tokens())

    errors = model.extrapolation_error([16, 32, 64, 300, 1024, 2048, 8192])

    assert (errors[2:5] == 0).all()
    assert errors[0] > errors[1] > 0
    assert errors[6] > errors[5] > 0
    assert model.is_extrapolated([63, 64, 1024, 1025]).tolist() == [1, 0, 0, 1]


def test_every_sum_of_powers_lies_within_the_error_of_extrapolating():
    truth = np.array([0.0, 5.0, 0.001, 1e-5])
    exact = terms_of(np.array(LENGTHS, dtype=float), np.ones(5)) @ truth
    seen = [Observation(0, n, 1, c) for n, c in zip(LENGTHS, exact, strict=True)]
    model = fit_cost_model(seen, Tokens())

    far = float((terms_of(np.array([8192.0]), np.ones(1)) @ truth)[0])

    off = abs(float(np.log(model.predict([8192], [1])[0, 0] / far)))
    assert off <= model.extrapolation_error([8192])[0] + 1e-9


def test_too_few_lengths_are_said_after_padding():
    with pytest.raises(TooFewLengthsError, match="needs 3 lengths in a visit, got 1"):
        fit_cost_model(observations(Tokens(2048)), Tokens(2048))


def test_an_image_costs_what_its_side_costs_when_it_is_rounded_up_as_the_models_do():
    tokens = Tokens(in_pixels=True)

    assert tokens.of([225, 256, 257]).tolist() == [256, 256, 18**2]


@pytest.mark.parametrize(
    ("length", "batch_size", "is_beside"),
    [
        (64, 8, 0),
        (64, 9, 1),
        (100, 4, 0),  # between 64 with batches up to 8 and 128 with up to 4
        (100, 5, 1),
        (200, 2, 1),  # between batches up to 4 and batch 1 alone
        (300, 1, 0),
        (300, 2, 1),  # beyond the longest: as there
        (32, 8, 0),  # before the shortest: as there
    ],
)
def test_a_batch_size_is_known_where_both_lengths_beside_it_know_it(length, batch_size, is_beside):
    largest = {64: 8, 128: 4, 256: 1}
    seen = [Observation(0, n, b, step(n, b)) for n, most in largest.items() for b in {1, most}]
    model = fit_cost_model(seen, Tokens())

    assert model.is_beside_batches([length], [batch_size]).tolist() == [is_beside]


@pytest.mark.parametrize("fixed", [0.0, 0.5, 50.0])
def test_a_larger_batch_grows_between_the_fit_and_in_proportion(fixed):
    seen = [Observation(0, n, b, fixed + step(n, b)) for n in LENGTHS for b in (1, 2)]
    model = fit_cost_model(seen, Tokens())
    sizes = [1, 2, 4, 8, 64]

    errors = model.error_beside_batches([256] * 5, sizes)

    assert errors[:2].tolist() == [0, 0]
    assert 0 < errors[2] < errors[3] < errors[4]
    most = np.log(np.array(sizes[2:]) / 2 * (fixed + step(256, 2)))
    predicted = np.log(model.predict([256] * 3, sizes[2:])[0])
    assert (most - predicted <= errors[2:] + 1e-9).all()


@pytest.mark.parametrize("batch_size", [1, 8])
def test_of_one_batch_size_others_may_cost_the_same_or_in_proportion(batch_size):
    model = fit_cost_model(observations(Tokens(), batch_sizes=(batch_size,)), Tokens())

    errors = model.error_beside_batches([300] * 3, [1, 8, 32])

    away = np.abs(np.log(np.array([1, 8, 32]) / batch_size))
    assert errors == pytest.approx(away)
    assert model.largest_batch == batch_size


def in_pieces(length: float) -> float:
    """A law with a bend, as of memory that is computed in pieces of 400."""
    return 30.0 + 0.2 * min(length, 400.0) + 0.05 * max(0.0, length - 400.0)


def peaks(lengths=(100, 200, 400, 800, 1600), tokens=None):
    tokens = tokens or Tokens()
    return [
        Observation(visit, n, 1, in_pieces(float(tokens.of([n])[0])))
        for visit in (0, 1)
        for n in lengths
    ]


def test_what_hardly_varies_is_foreseen_as_measured_also_where_no_sum_of_powers_goes():
    lengths = (100, 200, 400, 800, 1600)
    model = fit_cost_model(peaks(), Tokens(), varies=False)

    foreseen = model.predict(lengths, [1] * 5)

    assert foreseen == pytest.approx(np.array([[in_pieces(n) for n in lengths]] * 2))
    assert np.abs(foreseen - fit_cost_model(peaks(), Tokens()).predict(lengths, [1] * 5)).max() > 2
    between = [150, 300, 600, 1200]
    assert model.predict(between, [1] * 4)[0] == pytest.approx(
        [in_pieces(n) for n in between], rel=0.05
    )
    assert 0 < model.holdout_error < fit_cost_model(peaks(), Tokens()).holdout_error


def test_beyond_what_was_measured_the_factor_is_that_of_the_nearest_length():
    model, plain = (fit_cost_model(peaks(), Tokens(), varies) for varies in (False, True))

    ratio = model.predict([50, 100, 1600, 6400], [1] * 4) / plain.predict(
        [50, 100, 1600, 6400], [1] * 4
    )

    assert ratio[:, 0] == pytest.approx(ratio[:, 1])
    assert ratio[:, 3] == pytest.approx(ratio[:, 2])


def test_lengths_that_are_padded_to_one_bend_together():
    tokens = Tokens(256)
    lengths = (100, 200, 400, 800, 1600)
    model = fit_cost_model(peaks(lengths, tokens), tokens, varies=False)

    assert [length for length, _ in model.bends[0]] == [100, 400, 800, 1600]
    assert model.predict([1, 256, 257, 512], [1] * 4)[0] == pytest.approx(
        [in_pieces(256), in_pieces(256), in_pieces(512), in_pieces(512)]
    )


def test_each_visit_of_what_hardly_varies_goes_through_its_own_lengths():
    seen = [each for each in peaks() if (each.visit, each.length) != (1, 800)]
    model = fit_cost_model(seen, Tokens(), varies=False)

    assert model.predict([100, 1600], [1, 1]) == pytest.approx(
        np.array([[in_pieces(100), in_pieces(1600)]] * 2)
    )


@pytest.mark.parametrize("varies", [False, True])
def test_what_is_padded_to_one_length_is_foreseen_from_other_lengths_alone(varies):
    tokens = Tokens(256)

    twins, alone = (
        fit_cost_model(peaks(lengths, tokens), tokens, varies)
        for lengths in ((100, 200, 300, 500, 1600, 1700), (200, 500, 1700))
    )

    assert twins.holdout_error > 0.05
    assert twins.holdout_error == pytest.approx(alone.holdout_error)


def test_where_all_is_padded_to_one_length_each_length_is_foreseen_from_the_others():
    tokens = Tokens(1500, longest=1500)

    for varies in (False, True):
        model = fit_cost_model(peaks((100, 500, 1500), tokens), tokens, varies)
        assert model.holdout_error == pytest.approx(0.0, abs=1e-6)
