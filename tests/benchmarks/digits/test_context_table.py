"""The table of needed context: its columns, and what is said of a window."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.digits.context.reach import reach_of
from benchmarks.digits.context.stages import MODELS, NUM_LAYERS, WINDOWS
from benchmarks.digits.context.table import (
    CANNOT,
    CHEATS,
    COLUMNS,
    DID_NOT,
    KNOWS,
    UNLEARNT,
    UNSURE,
    Seeds,
    Table,
    make_table,
)
from benchmarks.digits.rounds import HUBERT, Model

GUESSING = 0.9
Share = Callable[[Model, int], float]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Spend little time on intervals."""
    monkeypatch.setattr("benchmarks.digits.context.table.NUM_RESAMPLES", 500)


def test_a_window_reaches_all_of_a_column_or_nothing_of_it():
    for distance in range(-40, 600):
        assert sum(column.holds(distance) for column in COLUMNS) == 1
    for window in WINDOWS:
        reach = reach_of(window, NUM_LAYERS)
        assert reach is not None
        for column in COLUMNS[1:]:
            held = [distance for distance in range(1, 400) if column.holds(distance)]
            beyond = {distance > reach.before for distance in held}
            assert beyond == {column.is_beyond(reach)}
    assert not COLUMNS[0].is_beyond(reach_of(2, NUM_LAYERS))


def draw(
    share_missed: Share, num_utterances: int = 300, num_seeds: int = 2
) -> tuple[Seeds, list[list[int]]]:
    """Draw utterances of eight questions; `share_missed` takes a model and a distance."""
    random = np.random.default_rng(3)
    asked = [
        [-9, *(47 * place + random.integers(-9, 9, 7)).tolist()]
        for place in [np.arange(1, 8)] * num_utterances
    ]
    seeds = {
        str(seed): {
            model.name: {
                "words": [[0] * 8] * num_utterances,
                "answers": [
                    [int(random.random() < share_missed(model, each)) for each in row]
                    for row in asked
                ],
            }
            for model in MODELS
        }
        for seed in range(num_seeds)
    }
    return seeds, asked


def of_reach(model: Model, distance: int) -> float:
    """Miss a twentieth within reach, guess beyond."""
    reach = reach_of(model.attention_window, NUM_LAYERS)
    return 0.05 if reach is None or distance <= reach.before else GUESSING


def test_windows_that_guess_beyond_their_reach_are_told_from_those_that_know():
    table = Table(*draw(of_reach), GUESSING)
    for model in MODELS:
        for at, column in enumerate(COLUMNS):
            beyond = column.is_beyond(reach_of(model.attention_window, NUM_LAYERS))
            assert table.say(model, at) == (CANNOT if beyond else KNOWS)


@pytest.mark.parametrize(
    ("of_hubert", "of_window", "says"),
    [
        (0.1, 0.5, {DID_NOT, CHEATS}),
        (0.1, 0.19, {UNSURE, KNOWS, CHEATS}),
        (0.8, 0.8, {UNLEARNT, CANNOT}),
    ],
)
def test_what_is_said_of_a_window_depends_on_hubert(of_hubert, of_window, says):
    drawn = draw(lambda model, _: of_hubert if model == HUBERT else of_window)
    table = Table(*drawn, GUESSING)
    found = {table.say(model, at) for model in MODELS[:-1] for at in range(len(COLUMNS))}
    assert found <= says
    assert found != {KNOWS}


def test_the_interval_covers_the_true_share_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("benchmarks.digits.context.table.MODELS", [HUBERT])
    random = np.random.default_rng(8)
    covered = 0
    for _ in range(60):
        hard = random.beta(2, 5, 120)  # questions of one utterance are alike; mean 2 / 7
        answers = [(random.random(4) < share).astype(int).tolist() for share in hard]
        seeds = {"0": {HUBERT.name: {"answers": answers}}}
        low, high = Table(seeds, [[-1] * 4] * 120, GUESSING).interval(HUBERT, 0)
        covered += low < 2 / 7 < high
    assert covered >= 50


def test_the_table_has_a_line_for_every_model():
    lines = make_table(*draw(of_reach, 20), GUESSING).splitlines()
    assert len(lines) == 3 + len(MODELS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "nan" not in "".join(lines)
