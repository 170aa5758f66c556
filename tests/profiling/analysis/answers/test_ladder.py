"""Tipping points against each vanilla kernel, from hand-written measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.answers.finding_comparisons import Opponent
from profiling.analysis.answers.ladder import find_rungs
from profiling.analysis.answers.tipping_points import find_ladder, find_tipping_points
from tests.samples.rows.comparisons import compare, row
from tests.samples.rows.curves import OPPONENTS, Row, rows_of

EAGER = {128: 10.0, 256: 20.0, 512: 40.0, 1024: 80.0}
FUSED = {128: 10.0, 256: 16.0, 512: 26.0, 1024: 42.0}
EFFICIENT = {128: 16.0, 256: 18.0, 512: 22.0, 1024: 30.0}


def ladder(rows: list[Row], strict: bool = False) -> list[Row]:
    found = find_ladder(rows, lambda _: OPPONENTS, strict)
    return [each for each in found if each["metric"] == "latency"]


def two_rungs() -> list[Row]:
    rows = rows_of("bert", FUSED, implementation="sdpa")
    return rows + rows_of("bert", EAGER) + rows_of("longformer", EFFICIENT)


def kernels(rows: list[Row]) -> list[tuple[list[str], list[str]]]:
    rungs = find_rungs(compare(rows))
    return [(list(rung.vanilla_points), list(rung.efficient_points)) for rung in rungs]


def test_each_vanilla_kernel_is_a_rung_eager_first_and_compiled_ones_last() -> None:
    names = ["sdpa compiled", "varlen", "sdpa", "eager compiled", "eager"]
    rows = [row("plain", name) for name in names] + [row("quick", "library")]
    vanilla = [theirs for theirs, _ in kernels(rows)]
    assert vanilla == [["eager"], ["sdpa"], ["varlen"], ["eager compiled"], ["sdpa compiled"]]


def test_a_compiled_kernel_meets_compiled_rungs_alone() -> None:
    rows = [row("plain", name) for name in ("sdpa", "sdpa compiled")]
    rows += [row("quick", name) for name in ("library", "library compiled", "fused")]
    (_, plain), (_, compiled) = kernels(rows)
    assert plain == ["fused", "library"]
    assert compiled == ["fused", "library", "library compiled"]


def test_a_rung_that_no_kernel_may_meet_is_left_out() -> None:
    rows = [row("plain", name) for name in ("sdpa", "sdpa compiled")]
    rows.append(row("quick", "library compiled"))
    assert kernels(rows) == [(["sdpa compiled"], ["library compiled"])]


def test_what_leaves_padding_out_is_no_rung_where_nothing_is_padded() -> None:
    names = ["eager", "unpadded", "unpadded compiled", "sdpa"]
    rows = [row("plain", name) for name in names] + [row("quick", "library")]
    assert [theirs for theirs, _ in kernels(rows)] == [["eager"], ["sdpa"]]


@given(
    st.lists(
        st.sampled_from(["eager", "sdpa", "a", "z", "sdpa compiled", "a compiled"]),
        unique=True,
        min_size=1,
    )
)
def test_the_order_of_the_rungs_does_not_depend_on_that_of_the_rows(names: list[str]) -> None:
    rows = [row("plain", name) for name in names] + [row("quick", "library")]
    vanilla = [theirs for (theirs,), _ in kernels(rows)]
    assert sorted(vanilla) == sorted(names)
    assert vanilla == [theirs for (theirs,), _ in kernels(rows[::-1])]
    assert "eager" not in vanilla[1:]


def test_a_better_vanilla_kernel_moves_the_tipping_point() -> None:
    eager, fused = ladder(two_rungs())
    assert [each["vanilla_implementation"] for each in (eager, fused)] == ["eager", "sdpa"]
    assert {each["comparison"] for each in (eager, fused)} == {"ladder"}
    # By hand: the lines on log axes through the two lengths around each zero.
    assert 200 < eager["tipping_point"] < 256
    assert 256 < fused["tipping_point"] < 400


def test_a_rung_says_what_a_comparison_of_these_two_kernels_says() -> None:
    rows = two_rungs()
    pairs = ["bert:eager,longformer:library", "bert:sdpa,longformer:library"]
    given = [
        each
        for each in find_tipping_points(rows, pairs, lambda _: OPPONENTS)
        if (each["comparison"], each["metric"]) == ("pair", "latency")
    ]
    same = ("verdict", "tipping_point", "length_before", "proven_from", "saving_at_longest")
    for rung, pair in zip(ladder(rows), given, strict=True):
        assert [rung[name] for name in same] == [pair[name] for name in same]


def test_the_other_answers_stay_without_the_ladder() -> None:
    found = find_tipping_points(two_rungs(), opponents=lambda _: OPPONENTS)
    assert {each["comparison"] for each in found} == {"like_for_like", "best_vs_best"}


# Bait: equal kernels, so that one answer among so many is no longer beyond chance.
@pytest.mark.parametrize(("ratio", "verdict"), [(0.5, "always"), (0.977, "undecided")])
def test_strict_doubts_a_rung_that_chance_may_have_decided(ratio: float, verdict: str) -> None:
    rows = rows_of("bert", {128: 10.0, 256: 10.0}, implementation="eager")
    for number in range(12):
        costs = {128: 10 * ratio, 256: 10 * ratio}
        rows += rows_of("bert", costs, implementation=f"same{number}")
    rows += rows_of("longformer", {128: 10 * ratio, 256: 10 * ratio}, implementation="library")
    loose, strict = (ladder(rows, strict)[0] for strict in (False, True))
    assert (loose["verdict"], strict["verdict"]) == ("always", verdict)


def test_every_window_climbs_a_ladder_of_its_own() -> None:
    rows = [row("plain", name) for name in ("eager", "sdpa")]
    rows += [row("wide", "masked", attention_window=window) for window in (32, 256)]
    found = find_ladder(rows, lambda _: {"wide": Opponent("plain", "masked")})
    windows = [each["attention_window"] for each in found if each["metric"] == "latency"]
    assert windows == [32, 32, 256, 256]
