"""Answers about simulated sweeps, whose truth is known: a small `benchmarks/answers/coverage.py`.

Bounds leave room for luck: a coverage of 0.95 falls under them in fewer than 1 of 1,000 seeds.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from benchmarks.answers.simulated.truths import (
    CROSSINGS,
    GRIDS,
    LONGEST,
    NOISES,
    TRUTHS,
    Noise,
    Truth,
    choosing_duels,
    comparison_of,
    duels_of,
    equal_duels,
    grid_of,
    normal,
    simulate,
)
from profiling.analysis.answers import judging
from profiling.analysis.answers.duels import Duel
from profiling.analysis.answers.verdicts import WITH_VALUE, Answer, decide
from profiling.analysis.points.sides import Side
from profiling.analysis.statistics import intervals
from profiling.analysis.statistics.many import beyond_chance

DRAWS = 120
PROMISED = tuple(TRUTHS)
FASTER = Truth(lambda n: n, lambda n: 0.8 * n)


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as many as show whether intervals hold; a user's draw more, and vary less."""
    for module in (intervals, judging):
        monkeypatch.setattr(module, "NUM_RESAMPLES", 400)


def sweeps(truth: str, grid: str, noise: str, visits: int) -> list[tuple[float, Answer]]:
    return measured(TRUTHS[truth], grid, NOISES[noise], visits)


def measured(
    make: Callable[[float], Truth], grid: str, noise: Noise, visits: int
) -> list[tuple[float, Answer]]:
    """Return true crossings and what is said of them."""
    generator = np.random.default_rng(11)
    found = []
    for _ in range(DRAWS):
        drawn = make(float(np.exp(generator.uniform(*np.log(CROSSINGS)))))
        _, answer = simulate(drawn, noise, GRIDS[grid], visits, generator)
        if answer.tipping_point is not None:
            found.append((drawn.crossing(), answer))
    return found


def coverage(found: list[tuple[float, Answer]]) -> float:
    ends = [(crossing, answer.ci_low, answer.ci_high) for crossing, answer in found]
    return float(np.mean([bool(low and high and low <= x <= high) for x, low, high in ends]))


@cache
def faster_verdicts(num_lengths: int, visits: int) -> Counter[str]:
    generator = np.random.default_rng(5)
    lengths = np.geomspace(256, 256 * 2 ** (num_lengths - 1), num_lengths)
    noise = normal(0.08 / 2**0.5)
    answers = [simulate(FASTER, noise, lengths, visits, generator)[1] for _ in range(DRAWS)]
    return Counter(answer.verdict for answer in answers)


@pytest.mark.parametrize("noise", ["normal 0.1 %", "normal 5 %", "slow outliers"])
@pytest.mark.parametrize("truth", PROMISED)
def test_the_interval_holds_the_true_crossing_on_a_coarse_grid(truth: str, noise: str) -> None:
    found = sweeps(truth, "x4", noise, 3)
    assert len(found) > DRAWS / 2
    assert coverage(found) >= 0.87


@pytest.mark.parametrize(
    ("grid", "noise"), [("x2", "normal 1 %"), ("x2, pairs in a step", "normal 1 %")]
)
def test_the_interval_holds_the_last_crossing_of_a_staircase_that_no_length_shows(
    grid: str, noise: str
) -> None:
    assert coverage(sweeps("staircase", grid, noise, 3)) >= 0.87


@pytest.mark.parametrize("truth", ["staircase", "launch floor"])
def test_lengths_near_each_other_make_no_interval_too_narrow(truth: str) -> None:
    assert coverage(sweeps(truth, "x2, pairs in a step", "normal 1 %", 8)) >= 0.9


def all_padded_alike(at: float) -> Truth:
    """Return a vanilla side against one that pads every length to the longest, as Whisper does."""
    vanilla = TRUTHS["a + bn + cn^2 against linear"](at).vanilla
    cost = float(vanilla(np.array(at)))
    return Truth(vanilla, lambda n: np.full_like(n, cost), LONGEST)


def slower_at_some_lengths(g: np.random.Generator, lengths: int, visits: int) -> np.ndarray:
    shared = 0.2 * g.standard_normal((1, lengths, visits))
    return shared + normal(0.03)(g, lengths, visits)


def noisy_vanilla(g: np.random.Generator, lengths: int, visits: int) -> np.ndarray:
    deviations = np.array([0.03, 0.005])[:, None, None]
    return deviations * g.standard_normal((2, lengths, visits))


@pytest.mark.parametrize("noise", [slower_at_some_lengths, noisy_vanilla])
def test_the_interval_holds_the_crossing_of_a_side_whose_lengths_are_all_padded_alike(
    noise: Noise,
) -> None:
    found = measured(all_padded_alike, "x1.41", noise, 3)
    assert len(found) > DRAWS / 2
    assert coverage(found) >= 0.87


def test_more_visits_never_make_the_bias_of_a_coarse_grid_worse() -> None:
    few, many = (
        [
            float(np.log(answer.tipping_point / crossing))
            for crossing, answer in sweeps(PROMISED[1], "x4", "normal 1 %", visits)
            if answer.tipping_point
        ]
        for visits in (2, 8)
    )
    assert abs(np.mean(many)) < 0.01
    assert np.median(np.abs(many)) < np.median(np.abs(few))


@pytest.mark.parametrize("visits", [2, 3, 8])
def test_more_lengths_never_make_several_crossings_out_of_none(visits: int) -> None:
    for num_lengths in (3, 8):
        verdicts = faster_verdicts(num_lengths, visits)
        assert verdicts["several"] <= 0.03 * DRAWS
        assert verdicts["never_in_range"] == 0


def test_more_visits_find_more_of_what_is_there() -> None:
    few, many = (faster_verdicts(8, visits)["always"] for visits in (2, 8))
    assert few < many
    assert many > 0.9 * DRAWS


def test_one_slow_visit_leaves_the_win_at_another_length() -> None:
    generator = np.random.default_rng(0)
    lengths = np.array([256.0, 512.0, 1024.0, 2048.0])

    def glitch(g: np.random.Generator, num_lengths: int, visits: int) -> np.ndarray:
        noise = 0.02 * g.standard_normal((2, num_lengths, visits))
        noise[1, 0, 0] += np.log(2)
        return noise

    answers = [simulate(FASTER, glitch, lengths, 3, generator)[1] for _ in range(DRAWS)]
    assert all(answer.verdict != "undecided" for answer in answers)


def test_a_length_that_was_visited_once_moves_no_crossing() -> None:
    generator, lengths = np.random.default_rng(4), grid_of(4.0)
    truth = TRUTHS["log-linear"](1500.0)
    drawn = NOISES["normal 1 %"](generator, len(lengths), 3)
    duels = duels_of(truth.log_ratios(lengths), truth.vanilla(lengths), lengths, drawn)
    once = Duel(2048, Side("ok", "eager", {0: 1.0}), Side("ok", "eager", {0: 27.0}))
    before = decide(comparison_of(), duels, "latency")[1]
    after = decide(comparison_of(), sorted([*duels, once], key=lambda d: d.length), "latency")[1]
    assert after.tipping_point == before.tipping_point
    assert after.ci_low is not None
    assert after.ci_high is not None
    assert after.ci_low <= 1500 <= after.ci_high


@pytest.mark.parametrize("noise", ["normal 5 %", "heavy tails 5 %", "bimodal by process"])
def test_equal_sides_are_rarely_told_apart_and_hardly_ever_in_a_strict_table(noise: str) -> None:
    generator = np.random.default_rng(3)
    wins, chances = [], []
    for _ in range(28 * 15):
        judged, answer = decide(
            comparison_of(), equal_duels(NOISES[noise], grid_of(2.0), 3, generator), "latency"
        )
        wins.append(answer.verdict in WITH_VALUE)
        chances.append(judged.chance)
    assert np.mean(wins) <= 0.05
    tables = np.reshape(chances, (15, 28))
    assert sum(bool(beyond_chance(table.tolist()).any()) for table in tables) <= 5


@pytest.mark.parametrize("visits", [2, 8])
def test_the_best_of_many_kernels_is_not_more_certain_than_its_visits(visits: int) -> None:
    generator, lengths = np.random.default_rng(2), grid_of(2.0)
    held = []
    for _ in range(60):
        judged, _ = decide(
            comparison_of(), choosing_duels((2, 4), lengths, visits, generator), "latency"
        )
        held += [item["ci_low"] <= 1 <= item["ci_high"] for item in judged.outcomes]
    assert np.mean(held) >= 0.92
