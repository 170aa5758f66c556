"""Tipping points from hand-written measurements."""

import csv
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.comparisons import ModalityFacts
from profiling.tipping_points import FIELDS, find_tipping_points, save_tipping_points

Row = dict[str, Any]
Values = Mapping[int, float | str | None]
FACTS = ModalityFacts("bert", {"longformer": "library", "local_bert": "local_masked"})
COLUMNS = {
    "latency": "latency_ms",
    "throughput": "throughput_samples_per_s",
    "memory": "peak_memory_mib",
}
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
# Three visits in which the two sides never move together, so that there is noise: 1 % or so.
WOBBLE = {"bert": (1.00, 1.01, 0.99), "longformer": (1.01, 1.00, 0.99)}


def rows_of(
    variant: str,
    values: Values,
    metric: str = "latency",
    wobble: tuple[float, ...] | None = None,
    **fields: Any,
) -> list[Row]:
    """Return the visits of one variant; a text instead of a value is a status."""
    rows = []
    for length, value in values.items():
        for visit, factor in enumerate(wobble or WOBBLE[variant]):
            row: Row = {
                "key": f"{variant}-{length}",
                "visit": visit,
                "status": value if isinstance(value, str) else "ok",
                "modality": "text",
                "phase": "inference",
                "size": "small",
                "precision": "32-true",
                "device": "cpu",
                "device_name": "a processor",
                "variant": variant,
                "implementation": "eager" if variant == "bert" else "library",
                "attention_window": None if variant == "bert" else 512,
                "sequence_length": length,
                COLUMNS[metric]: value * factor if isinstance(value, float) else None,
            }
            rows.append(row | fields)
    return rows


def find(rows: list[Row], comparison: str = "like_for_like", **wanted: Any) -> list[Row]:
    """Return the tipping points of one comparison by the hand-written facts."""
    found = find_tipping_points(rows, facts=lambda _: FACTS)
    wanted["comparison"] = comparison
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


def find_one(vanilla: Values, efficient: Values) -> Row:
    """Return the only tipping point of two latency curves."""
    (row,) = find(rows_of("bert", vanilla) + rows_of("longformer", efficient))
    return row


def judge(*ratios: float) -> Row:
    """Return the tipping point for these cost ratios at the first lengths."""
    lengths = LENGTHS[: len(ratios)]
    efficient = {length: 10 * ratio for length, ratio in zip(lengths, ratios, strict=True)}
    return find_one(dict.fromkeys(lengths, 10.0), efficient)


def outcomes(row: Row) -> list[str]:
    """Return win, tie or lose at each length."""
    return [item["outcome"] for item in row["lengths"]]


@pytest.mark.parametrize(
    ("ratios", "verdict", "length_before"),
    [
        ((2.0, 1.5, 0.7, 0.5), "crosses", 256),
        ((2.0, 1.0, 0.7, 0.5), "crosses", 256),
        ((0.9, 0.8, 0.7), "always", None),
        ((0.7,), "always", None),
        ((0.7, 1.5, 0.7), "several", 256),
        ((0.7, 1.0, 0.7), "several", 256),
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


def test_after_a_tie_with_a_favourable_ratio_the_first_win_is_the_value() -> None:
    row = judge(1.5, 0.995, 0.7)
    assert outcomes(row) == ["lose", "tie", "win"]
    assert (row["tipping_point"], row["length_before"]) == (512, 256)
    assert row["ci_low"] < 260


def test_a_tie_carries_its_interval_and_so_does_a_win() -> None:
    tie, win = judge(1.001, 0.5)["lengths"]
    assert tie["ci_low"] < 1 < tie["ci_high"]
    assert win["ci_low"] < win["ratio"] < win["ci_high"] < 1


def test_running_out_of_memory_loses_against_running() -> None:
    row = find_one({128: 1.0, 256: 1.0, 512: "oom"}, {128: 2.0, 256: "oom", 512: 2.0})
    assert outcomes(row) == ["lose", "lose", "win"]
    assert row["lengths"][1]["reason"] == "longformer runs out of memory"
    assert row["lengths"][2]["reason"] == "bert runs out of memory"
    assert row["lengths"][2]["ratio"] is None


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


@pytest.mark.parametrize("status", ["error", "skipped", "oom", None])
def test_a_length_without_an_answer_on_either_side_is_missing_not_lost(status: str | None) -> None:
    vanilla = {128: 1.0, 256: 3.0, 512: "oom" if status == "oom" else 9.0}
    row = find_one(vanilla, {128: 2.0, 256: 2.0, 512: status})
    assert [item["length"] for item in row["lengths"]] == [128, 256]
    assert (row["verdict"], row["longest_measured"]) == ("crosses", 256)


def test_running_out_of_memory_against_a_missing_metric_is_missing() -> None:
    row = find_one({128: 1.0, 256: "oom"}, {128: 2.0, 256: None})
    assert row["longest_measured"] == 128


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
@settings(max_examples=60, deadline=None)
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
    assert row["ci_low"] == pytest.approx(crossing)
    assert row["ci_high"] == pytest.approx(crossing)


@given(scale=st.floats(1e-6, 1e6), stretch=st.integers(1, 50))
@settings(max_examples=30, deadline=None)
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
    found = [find(noisy_run(seed, 700.0, noise), metric="latency")[0] for seed in range(120)]
    answered = [row for row in found if row["tipping_point"] is not None]
    inside = [row["ci_low"] <= 700.0 <= row["ci_high"] for row in answered]
    assert len(answered) > 90
    assert np.mean(inside) >= 0.93


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_always_contains_the_value(seed: int) -> None:
    for row in find_tipping_points(noisy_run(seed, 600.0, 0.2), facts=lambda _: FACTS):
        if row["tipping_point"] is not None:
            assert LENGTHS[0] <= row["ci_low"] <= row["tipping_point"]
            assert row["tipping_point"] <= row["ci_high"] <= LENGTHS[-1]


def test_more_noise_makes_a_wider_interval() -> None:
    quiet, loud = (find(noisy_run(0, 700.0, noise), metric="latency")[0] for noise in (0.01, 0.05))
    assert quiet["ci_high"] / quiet["ci_low"] < loud["ci_high"] / loud["ci_low"]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = noisy_run(3, 500.0, 0.05)
    rows += [row | {"implementation": "sdpa", "key": f"{row['key']}-sdpa"} for row in rows[:18]]
    expected = find_tipping_points(rows, facts=lambda _: FACTS)
    random.Random(4).shuffle(rows)
    assert find_tipping_points(rows, facts=lambda _: FACTS) == expected


@pytest.mark.parametrize(
    ("vanilla", "efficient", "expected"),
    [
        (100.0, 100.0, "tie"),
        (100.0, 101.5, "tie"),
        (101.5, 100.0, "tie"),
        (100.0, 110.0, "lose"),
        (110.0, 100.0, "win"),
        (0.0, 0.5, "tie"),
        (50.0, -3.0, "win"),
    ],
)
def test_memories_within_the_resolution_of_one_mib_tie(
    vanilla: float, efficient: float, expected: str
) -> None:
    still = (1.0, 1.0, 1.0)
    rows = rows_of("bert", {128: vanilla}, "memory", wobble=still)
    rows += rows_of("longformer", {128: efficient}, "memory", wobble=still)
    (row,) = find(rows, metric="memory")
    assert outcomes(row) == [expected]
    assert row["lengths"][0]["ci_low"] < row["lengths"][0]["ratio"] < row["lengths"][0]["ci_high"]


def test_a_higher_throughput_wins_and_its_ratio_is_that_of_the_time_per_sample() -> None:
    rows = rows_of("bert", {128: 10.0}, "throughput")
    rows += rows_of("longformer", {128: 40.0}, "throughput")
    (row,) = find(rows)
    assert row["verdict"] == "always"
    assert row["lengths"][0]["ratio"] == pytest.approx(0.25, rel=0.01)
    assert row["vanilla_at_longest"] == pytest.approx(10.0, rel=0.01)
    assert row["efficient_at_longest"] == pytest.approx(40.0, rel=0.01)
    assert row["saving_at_longest"] == pytest.approx(0.75, rel=0.01)


def one_visit(num_samples: int) -> list[Row]:
    """Return a single visit of two crossing curves, with raw samples."""
    cycles = {"bert": 3, "longformer": 7}
    rows = rows_of("bert", {128: 1.0, 256: 4.0}, wobble=(1.0,))
    rows += rows_of("longformer", {128: 2.0, 256: 2.0}, wobble=(1.0,))
    for row in rows:
        cycle = cycles[row["variant"]]
        factors = [1 + 0.01 * (index % cycle) for index in range(num_samples)]
        row["latency_ms_samples"] = [row["latency_ms"] * factor for factor in factors]
    return rows


def test_a_single_visit_is_judged_by_its_blocks_and_marked() -> None:
    (row,) = find(one_visit(40))
    assert (row["verdict"], row["interval_from"]) == ("crosses", "blocks")
    assert row["ci_low"] < row["ci_high"]


def test_a_single_visit_with_too_few_samples_ties() -> None:
    (row,) = find(one_visit(3))
    assert outcomes(row) == ["tie", "tie"]
    assert (row["verdict"], row["interval_from"]) == ("undecided", None)
    assert "one visit" in row["lengths"][0]["reason"]


def test_several_visits_are_marked_as_such() -> None:
    assert judge(2.0, 0.5)["interval_from"] == "visits"


def test_the_best_implementations_are_named_in_order_of_length() -> None:
    rows = rows_of("longformer", {128: 9.0, 256: 9.0, 512: 9.0})
    rows += rows_of("bert", {128: 5.0, 256: 20.0, 512: 20.0})
    rows += rows_of("bert", {128: 7.0, 256: 12.0, 512: 8.0}, implementation="sdpa")
    (like,), (best,) = find(rows), find(rows, "best_vs_best")
    assert like["vanilla_implementation"] == "eager"
    assert best["vanilla_implementation"] == "eager/sdpa"
    assert (like["verdict"], best["verdict"]) == ("crosses", "wins_only_below")


def test_given_pairs_come_beside_the_others() -> None:
    rows = rows_of("bert", {128: 5.0}, implementation="sdpa")
    rows += rows_of("longformer", {128: 1.0}, implementation="mask_fixed")
    pairs = ["bert:sdpa,longformer:mask_fixed", "bert:sdpa,longformer:library"]
    found = find_tipping_points(rows, pairs, lambda _: FACTS)
    assert [row["comparison"] for row in found] == ["best_vs_best", "pair"]
    assert found[1]["efficient_implementation"] == "mask_fixed"


@pytest.mark.parametrize(
    "other", [{"size": "base"}, {"device_name": "another"}, {"attention_window": 64}]
)
def test_a_curve_is_never_continued_by_rows_of_another_kind(other: Row) -> None:
    rows = rows_of("bert", {128: 1.0, 256: 1.0}) + rows_of("longformer", {128: 2.0})
    rows += rows_of("longformer", {256: 0.5}, **other)
    row = find(rows, attention_window=512)[0]
    assert (row["longest_measured"], row["verdict"]) == (128, "never_in_range")


def test_a_row_has_exactly_the_documented_fields() -> None:
    assert tuple(judge(2.0, 0.5)) == FIELDS


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[list[Row]], Path]:
    """Return a function that saves rows into a folder of its own."""

    def save(rows: list[Row]) -> Path:
        save_tipping_points(rows, tmp_path)
        return tmp_path

    return save


def test_saved_files_hold_the_rows_and_nothing_half_written(
    saved: Callable[[list[Row]], Path],
) -> None:
    rows = [judge(2.0, 0.5), judge(2.0, 1.0)]
    folder = saved(rows)
    assert json.loads((folder / "tipping_points.json").read_text()) == rows
    with (folder / "tipping_points.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["verdict"] for line in table] == ["crosses", "undecided"]
    assert float(table[0]["tipping_point"]) == rows[0]["tipping_point"]
    assert table[1]["tipping_point"] == ""
    assert "lengths" not in table[0]
    assert sorted(path.name for path in folder.iterdir()) == [
        "tipping_points.csv",
        "tipping_points.json",
    ]


def test_without_rows_the_files_are_empty_but_readable(saved: Callable[[list[Row]], Path]) -> None:
    folder = saved([])
    assert json.loads((folder / "tipping_points.json").read_text()) == []
    assert (folder / "tipping_points.csv").read_text().startswith("modality,axis,")
