"""Many comparisons at once, against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.statistics.many import beyond_chance, decided_by_chance
from tests.samples.rows.curves import OPPONENTS, rows_of


def test_the_procedure_gives_the_example_of_its_paper() -> None:
    chances = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    chances += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert list(beyond_chance(chances)) == [True] * 4 + [False] * 11


@given(st.lists(st.floats(0, 1), max_size=40))
def test_a_smaller_chance_never_falls_where_a_larger_one_stands(chances: list[float]) -> None:
    stands = beyond_chance(chances)
    assert len(stands) == len(chances)
    if stands.any():
        limit = max(np.array(chances)[stands])
        assert all(keep == (chance <= limit) for keep, chance in zip(stands, chances, strict=True))
        assert limit <= 0.05


def test_it_is_said_how_many_chance_alone_would_decide() -> None:
    assert "Of 40 comparisons about 2 would be decided by chance" in decided_by_chance(40)
    assert "Of 1,990 comparisons about 100 would be" in decided_by_chance(1990)
    assert "Of 4 comparisons about 0.2 would be" in decided_by_chance(4)


@pytest.mark.parametrize(("ratio", "strict_verdict"), [(0.5, "always"), (0.977, "undecided")])
def test_strict_keeps_what_is_far_beyond_chance_and_doubts_the_rest(
    ratio: float, strict_verdict: str
) -> None:
    equal = [f"kernel{number}" for number in range(12)]
    rows = rows_of("bert", {128: 10.0, 256: 10.0}, implementation="sdpa")
    rows += rows_of("longformer", {128: 10 * ratio, 256: 10 * ratio}, implementation="library")
    for name in equal:
        rows += rows_of("longformer", {128: 10.0, 256: 10.0}, implementation=name)
    pairs = [f"bert:sdpa,longformer:{name}" for name in ("library", *equal)]
    loose, strict = (
        next(
            row
            for row in find_tipping_points(rows, pairs, lambda _: OPPONENTS, strict=strict)
            if row["efficient_implementation"] == "library" and row["comparison"] == "pair"
        )
        for strict in (False, True)
    )
    assert loose["verdict"] == "always"
    assert strict["verdict"] == strict_verdict
    assert (strict["tipping_point"] is None) == (strict_verdict == "undecided")
    outcomes = {"win"} if strict_verdict == "always" else {"tie"}
    assert {item["outcome"] for item in strict["lengths"]} == outcomes
    assert [item["ratio"] for item in strict["lengths"]] == pytest.approx([ratio] * 2, rel=0.01)
