"""Tipping points from hand-written measurements."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.analysis.answers.finding_comparisons import Opponent
from profiling.analysis.answers.tipping_points import (
    find_tipping_points,
    table_columns,
)
from tests.samples.rows.curves import (
    LENGTHS,
    OPPONENTS,
    Row,
    find,
    find_one,
    judge,
    outcomes,
    rows_of,
)


@pytest.mark.parametrize(
    ("ratios", "verdict", "length_before"),
    [
        ((2.0, 1.5, 0.7, 0.5), "crosses", 256),
        ((2.0, 1.005, 0.7, 0.5), "crosses", 256),
        ((0.9, 0.8, 0.7), "always", None),
        ((0.7,), "always", None),
        ((0.7, 1.5, 0.7), "several", 256),
        ((0.7, 1.0, 0.7), "always", None),
        ((0.7, 1.0, 1.5, 1.005, 0.7), "several", 1024),
        ((0.7, 1.5, 1.0, 1.5), "wins_only_below", None),
        ((0.99, 0.995, 0.7), "crosses", None),
        ((1.5, 0.7, 1.5), "wins_only_below", None),
        ((0.7, 1.0, 1.5), "wins_only_below", None),
        ((1.5, 1.2, 1.1), "never_in_range", None),
        ((1.0, 1.5), "never_in_range", None),
        ((0.7, 0.7, 1.0), "undecided", None),
        ((1.0,), "undecided", None),
    ],
)
def test_the_outcomes_in_order_of_length_make_the_verdict(
    ratios: tuple[float, ...], verdict: str, length_before: int | None
) -> None:
    row = judge(*ratios)
    assert (row["verdict"], row["length_before"]) == (verdict, length_before)
    assert row["longest_measured"] == LENGTHS[len(ratios) - 1]
    has_value = verdict in ("crosses", "always", "several")
    assert all((row[name] is not None) == has_value for name in ("tipping_point", "ci_low"))


def test_always_begins_at_the_shortest_length_that_both_ran() -> None:
    row = find_one({256: 9.0, 128: "error", 512: 9.0}, {128: 1.0, 256: 1.0, 512: 1.0})
    assert (row["verdict"], row["tipping_point"]) == ("always", 256)
    assert (row["ci_low"], row["ci_high"]) == (256, 256)


def test_always_counts_from_where_both_ran_not_from_where_vanilla_did_not_fit() -> None:
    row = find_one({128: "oom", 256: 9.0, 512: 9.0}, {128: 1.0, 256: 1.0, 512: 1.0})
    assert (row["verdict"], row["tipping_point"]) == ("always", 256)
    assert row["ci_low"] <= 256 <= row["ci_high"]


def test_several_reports_the_last_crossing() -> None:
    row = judge(0.5, 2.0, 0.5, 2.0, 0.5)
    assert row["verdict"] == "several"
    assert row["tipping_point"] == pytest.approx(np.sqrt(1024 * 2048), rel=0.01)


def test_a_tie_with_an_unfavourable_ratio_is_interpolated() -> None:
    row = judge(1.5, 1.005, 0.7)
    assert outcomes(row) == ["lose", "tie", "win"]
    assert 256 < row["tipping_point"] < 270


def test_a_tie_that_leans_to_a_win_is_beyond_the_zero_of_the_curve() -> None:
    row = judge(1.5, 0.995, 0.7)
    assert outcomes(row) == ["lose", "tie", "win"]
    assert 240 < row["tipping_point"] < 256
    assert (row["length_before"], row["proven_from"]) == (128, 512)
    assert row["ci_low"] < 256 < row["ci_high"]


def test_where_nothing_loses_and_the_shortest_ties_the_answer_is_at_most_some_length() -> None:
    row = judge(0.99, 0.7, 0.5)
    assert outcomes(row) == ["tie", "win", "win"]
    assert (row["verdict"], row["at_most"], row["proven_from"]) == ("crosses", True, 256)
    assert row["tipping_point"] == row["ci_low"] == LENGTHS[0]
    assert row["ci_low"] <= row["ci_high"] < 256
    assert not judge(1.5, 0.7)["at_most"]


def test_the_value_hardly_moves_when_a_tie_changes_its_side() -> None:
    below, above = judge(1.5, 0.9999, 0.7), judge(1.5, 1.0001, 0.7)
    assert below["tipping_point"] == pytest.approx(above["tipping_point"], rel=0.01)


def test_where_vanilla_stops_fitting_the_interval_reaches_down_to_the_length_before() -> None:
    row = find_one({128: 1.0, 256: 1.0, 512: "oom"}, {128: 2.0, 256: 2.0, 512: 2.0})
    assert (row["verdict"], row["tipping_point"]) == ("crosses", 512)
    assert (row["ci_low"], row["ci_high"], row["length_before"]) == (256, 512, 256)
    assert row["vanilla_at_longest"] is None
    assert row["saving_at_longest"] is None
    assert row["efficient_at_longest"] == pytest.approx(2.0, rel=0.01)


def test_winning_only_by_infeasibility_is_a_win_from_the_shortest_length() -> None:
    row = find_one({128: "oom", 256: "oom"}, {128: 2.0, 256: 2.0})
    assert (row["verdict"], row["tipping_point"]) == ("always", 128)


def test_without_a_common_length_there_is_no_row() -> None:
    assert find(rows_of("bert", {128: 1.0}) + rows_of("longformer", {256: 1.0})) == []
    assert find(rows_of("bert", {128: 1.0})) == []
    assert find([]) == []


@given(
    crossing=st.floats(150, 3900),
    vanilla_slope=st.floats(1.0, 2.5),
    advantage=st.floats(0.2, 1.5),
    scale=st.floats(1e-3, 1e3),
    metric=st.sampled_from(["latency", "throughput"]),
)
@settings(max_examples=40, deadline=None)
def test_the_crossing_of_straight_lines_on_log_axes_is_exact(
    crossing: float, vanilla_slope: float, advantage: float, scale: float, metric: str
) -> None:
    sign = -1 if metric == "throughput" else 1
    rows = []
    for variant, slope in (("bert", vanilla_slope), ("longformer", vanilla_slope - advantage)):
        values = {length: scale * (length / crossing) ** (sign * slope) for length in LENGTHS}
        rows += rows_of(variant, values, metric, wobble=(1.0, 1.0, 1.0))
    (row,) = find(rows, metric=metric)
    assert row["verdict"] == "crosses"
    assert row["tipping_point"] == pytest.approx(crossing)
    assert row["length_before"] <= crossing * (1 + 1e-9)
    assert row["ci_low"] <= row["tipping_point"] <= row["ci_high"]


@given(scale=st.floats(1e-6, 1e6), stretch=st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_units_of_time_and_length_do_not_matter(scale: float, stretch: int) -> None:
    curves = {"bert": (1.0, 2.1, 4.2, 8.0), "longformer": (2.0, 2.2, 3.8, 4.0)}

    def at(scale: float, stretch: int) -> Row:
        rows = []
        for variant, costs in curves.items():
            values = {
                length * stretch: cost * scale for length, cost in zip(LENGTHS, costs, strict=False)
            }
            rows += rows_of(variant, values)
        return find(rows)[0]

    plain, scaled = at(1.0, 1), at(scale, stretch)
    assert scaled["verdict"] == plain["verdict"] == "crosses"
    for name in ("tipping_point", "ci_low", "ci_high"):
        assert scaled[name] == pytest.approx(plain[name] * stretch)


def noisy_run(seed: int, crossing: float, noise: float) -> list[Row]:
    """Return three noisy visits of two straight lines that cross at a known length."""
    generator = np.random.default_rng(seed)
    rows = []
    for variant, slope in (("bert", 1.4), ("longformer", 1.0)):
        clean = {length: (length / crossing) ** slope for length in LENGTHS}
        for row in rows_of(variant, clean, wobble=(1.0, 1.0, 1.0)):
            rows.append(row | {"latency_ms": row["latency_ms"] * generator.lognormal(0, noise)})
    return rows


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_the_interval_contains_the_true_tipping_point(noise: float) -> None:
    found = [find(noisy_run(seed, 700.0, noise), metric="latency")[0] for seed in range(80)]
    answered = [row for row in found if row["tipping_point"] is not None]
    inside = [row["ci_low"] <= 700.0 <= row["ci_high"] for row in answered]
    assert len(answered) > 60
    assert np.mean(inside) >= 0.93


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_always_contains_the_value(seed: int) -> None:
    for row in find_tipping_points(noisy_run(seed, 600.0, 0.2), opponents=lambda _: OPPONENTS):
        if row["tipping_point"] is not None:
            assert LENGTHS[0] <= row["ci_low"] <= row["tipping_point"]
            assert row["tipping_point"] <= row["ci_high"] <= LENGTHS[-1]


def test_more_noise_makes_a_wider_interval() -> None:
    quiet, loud = (find(noisy_run(0, 700.0, noise), metric="latency")[0] for noise in (0.01, 0.05))
    assert quiet["ci_high"] / quiet["ci_low"] < loud["ci_high"] / loud["ci_low"]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = noisy_run(3, 500.0, 0.05)
    rows += [row | {"implementation": "sdpa", "key": f"{row['key']}-sdpa"} for row in rows[:18]]
    expected = find_tipping_points(rows, opponents=lambda _: OPPONENTS)
    random.Random(4).shuffle(rows)
    assert find_tipping_points(rows, opponents=lambda _: OPPONENTS) == expected


def test_the_best_implementations_are_named_in_order_of_length() -> None:
    rows = rows_of("longformer", {128: 9.0, 256: 9.0, 512: 9.0})
    rows += rows_of("bert", {128: 5.0, 256: 20.0, 512: 20.0})
    rows += rows_of("bert", {128: 7.0, 256: 12.0, 512: 8.0}, implementation="sdpa")
    (like,), (best,) = find(rows), find(rows, "best_vs_best")
    assert like["vanilla_implementation"] == "eager"
    assert best["vanilla_implementation"] == "eager/sdpa"
    assert (like["verdict"], best["verdict"]) == ("crosses", "wins_only_below")


def test_a_kernel_that_only_ran_out_of_memory_is_not_named_among_the_best() -> None:
    rows = rows_of("longformer", {128: 9.0, 256: 9.0, 512: 9.0})
    rows += rows_of("bert", {128: 15.0, 256: 20.0, 512: "oom"})
    rows += rows_of("bert", {128: 7.0, 256: 12.0, 512: "oom"}, implementation="sdpa")
    (best,) = find(rows, "best_vs_best")
    assert (best["verdict"], best["vanilla_implementation"]) == ("crosses", "sdpa")
    longest = [row for row in rows if row["sequence_length"] == 512]
    assert find(longest, "best_vs_best")[0]["vanilla_implementation"] == "eager/sdpa"


def test_given_pairs_come_beside_the_others() -> None:
    rows = rows_of("bert", {128: 5.0}, implementation="sdpa")
    rows += rows_of("longformer", {128: 1.0}, implementation="mask_fixed")
    pairs = ["bert:sdpa,longformer:mask_fixed", "bert:sdpa,longformer:library"]
    found = find_tipping_points(rows, pairs, lambda _: OPPONENTS)
    assert [row["comparison"] for row in found] == ["best_vs_best", "pair"]
    assert found[1]["efficient_implementation"] == "mask_fixed"


def test_a_given_pair_is_crossed_where_its_vanilla_side_begins_its_next_step() -> None:
    rows = rows_of("longformer", {512: 20.0, 1024: 40.0})
    rows += rows_of("bert", {512: 24.0, 1024: 36.0})
    opponents = {"longformer": Opponent("bert", "library", pads_to="attention_window")}
    found = find_tipping_points(rows, ["longformer:library,bert:eager"], lambda _: opponents)
    (pair,) = [row for row in found if row["comparison"] == "pair"]
    assert 512 <= pair["ci_low"] <= pair["tipping_point"] <= pair["ci_high"] <= 514


@pytest.mark.parametrize(
    "other", [{"size": "base"}, {"device_name": "another"}, {"attention_window": 64}]
)
def test_a_curve_is_never_continued_by_rows_of_another_kind(other: Row) -> None:
    rows = rows_of("bert", {128: 1.0, 256: 1.0}) + rows_of("longformer", {128: 2.0})
    rows += rows_of("longformer", {256: 0.5}, **other)
    row = find(rows, attention_window=512)[0]
    assert (row["longest_measured"], row["verdict"]) == (128, "never_in_range")


def test_a_row_has_exactly_the_documented_fields() -> None:
    row = judge(2.0, 0.5)
    assert list(row) == table_columns()
    assert {"modality", "axis", "phase", "size", "metric", "comparison"} <= set(row)
    assert {"vanilla", "efficient", "verdict", "tipping_point", "ci_low", "ci_high"} <= set(row)
    assert {"length_before", "longest_measured", "interval_from", "saving_at_longest"} <= set(row)
