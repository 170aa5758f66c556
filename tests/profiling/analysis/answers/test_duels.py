"""Win, tie or lose at one length, from hand-written measurements."""

import json

import pytest

from profiling.analysis.answers.duels import find_duels
from profiling.analysis.answers.finding_comparisons import find_comparisons
from profiling.analysis.answers.judging import ONE_VISIT
from profiling.analysis.answers.verdicts import decide
from tests.samples.rows.curves import OPPONENTS, Row, find, find_one, judge, outcomes, rows_of


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


def test_a_single_visit_decides_nothing_however_clear_its_blocks_are() -> None:
    (row,) = find(one_visit(40))
    assert (row["verdict"], row["interval_from"]) == ("undecided", "blocks")
    assert outcomes(row) == ["tie", "tie"]
    assert row["lengths"][1]["ci_high"] < 1
    assert row["reason"] == ONE_VISIT


def test_a_single_visit_with_too_few_samples_ties() -> None:
    (row,) = find(one_visit(3))
    assert outcomes(row) == ["tie", "tie"]
    assert (row["verdict"], row["interval_from"]) == ("undecided", None)
    assert "one visit" in row["lengths"][0]["reason"]


def test_several_visits_are_marked_as_such() -> None:
    assert judge(2.0, 0.5)["interval_from"] == "visits"


@pytest.mark.parametrize("metric", ["latency", "memory"])
def test_one_visit_decides_nothing_in_any_metric(metric: str) -> None:
    rows = rows_of("bert", {128: 100.0}, metric, wobble=(1.0,))
    rows += rows_of("longformer", {128: 10.0}, metric, wobble=(1.0,))
    (row,) = find(rows, metric=metric)
    assert (row["verdict"], row["tipping_point"]) == ("undecided", None)
    assert row["reason"] == ONE_VISIT


def test_running_out_of_memory_in_the_only_visit_decides_nothing() -> None:
    rows = rows_of("bert", {128: 9.0, 256: "oom"}, wobble=(1.0,))
    rows += rows_of("longformer", {128: 1.0, 256: 1.0}, wobble=(1.0,))
    (row,) = find(rows)
    assert row["verdict"] == "undecided"


@pytest.mark.parametrize("out", ["bert", "longformer"])
def test_running_out_of_memory_in_one_visit_decides_nothing_beside_lengths_with_several(
    out: str,
) -> None:
    costs = {"bert": 1.0, "longformer": 2.0}
    rows = [row for name, cost in costs.items() for row in rows_of(name, {128: cost})]
    for name, cost in costs.items():
        rows += rows_of(name, {256: "oom" if name == out else cost}, wobble=(1.0,))
    (row,) = find(rows)
    assert outcomes(row) == ["lose", "tie"]
    assert (row["verdict"], row["reason"]) == ("undecided", row["lengths"][1]["reason"])
    assert row["reason"] == ONE_VISIT


@pytest.mark.parametrize("out", ["bert", "longformer"])
@pytest.mark.parametrize(("statuses", "decided"), [(["oom", "error"], 1), (["oom"], 2)])
def test_one_visit_out_of_memory_decides_nothing_where_the_others_of_that_side_failed(
    out: str, statuses: list[str], decided: int
) -> None:
    costs = {"bert": 1.0, "longformer": 2.0}
    rows = [row for name, cost in costs.items() for row in rows_of(name, {128: cost, 256: cost})]
    for row in rows:
        if (row["variant"], row["sequence_length"]) == (out, 256):
            status = statuses[min(row["visit"], len(statuses) - 1)]
            row |= {"status": status, "latency_ms": None}
    (found,) = find(rows)
    expected = ["lose", "win" if out == "bert" else "lose"]
    assert outcomes(found)[:decided] == expected[:decided]
    assert outcomes(found)[decided:] == ["tie"] * (2 - decided)


def test_what_one_visit_left_open_does_not_make_other_answers_look_less_like_chance() -> None:
    rows = rows_of("bert", {128: 1.0}) + rows_of("longformer", {128: 2.0})
    rows += rows_of("bert", {256: "oom"}, wobble=(1.0,))
    rows += rows_of("longformer", {256: 2.0}, wobble=(1.0,))
    comparison = find_comparisons(rows, (), lambda _: OPPONENTS)[0]
    judged, answer = decide(comparison, find_duels(comparison.sides("latency")), "latency")
    assert (answer.verdict, judged.chance) == ("undecided", 1.0)


@pytest.mark.parametrize("times", [(1e-300, 1e300), (1e300, 1e-300), (5e-324, 1.0)])
def test_numbers_that_no_machine_can_have_make_an_answer_that_can_be_saved(
    times: tuple[float, float],
) -> None:
    rows = rows_of("bert", {128: times[0], 256: times[0]})
    rows += rows_of("longformer", {128: times[1], 256: times[1]})
    (row,) = find(rows)
    assert outcomes(row) == ["lose" if times[0] < times[1] else "win"] * 2
    assert json.dumps(row, allow_nan=False)


def test_a_length_with_one_visit_ties_though_others_lend_it_their_noise() -> None:
    rows = rows_of("bert", {128: 10.0, 256: 10.0}) + rows_of("longformer", {128: 20.0, 256: 1.0})
    rows = [row for row in rows if row["sequence_length"] == 128 or row["visit"] == 0]
    (row,) = find(rows)
    assert outcomes(row) == ["lose", "tie"]
    assert row["lengths"][1]["ci_high"] < 1
    assert (row["verdict"], row["reason"]) == ("undecided", row["lengths"][1]["reason"])


def disturb(rows: list[Row], variant: str, visits: set[int]) -> list[Row]:
    """Return the rows, those visits of a variant measured beside something that computes."""
    return [
        row | {"disturbed": True} if row["variant"] == variant and row["visit"] in visits else row
        for row in rows
    ]


def clear_win(metric: str) -> list[Row]:
    costs = (40.0, 10.0) if metric != "throughput" else (10.0, 40.0)
    rows = rows_of("bert", {128: costs[0]}, metric)
    return rows + rows_of("longformer", {128: costs[1]}, metric)


@pytest.mark.parametrize("variant", ["bert", "longformer"])
@pytest.mark.parametrize("metric", ["latency", "throughput"])
def test_a_side_without_two_undisturbed_visits_ties_and_says_why(variant: str, metric: str) -> None:
    (row,) = find(disturb(clear_win(metric), variant, {0, 2}), metric=metric)
    assert outcomes(row) == ["tie"]
    assert "other processes took CPU time" in row["reason"]


def test_disturbed_visits_are_left_out_where_two_others_remain() -> None:
    rows = clear_win("latency")
    rows = [row | {"latency_ms": 1000.0} if row["visit"] == 1 else row for row in rows[3:]] + rows[
        :3
    ]
    (row,) = find(disturb(rows, "longformer", {1}))
    assert outcomes(row) == ["win"]
    assert row["efficient_at_longest"] == pytest.approx(10.0, rel=0.02)


def test_memory_is_the_same_whoever_else_computes() -> None:
    (row,) = find(disturb(clear_win("memory"), "bert", {0, 1, 2}), metric="memory")
    assert outcomes(row) == ["win"]


def test_a_disturbed_length_does_not_move_the_crossing() -> None:
    rows = rows_of("bert", {128: 1.0, 256: 2.0, 512: 4.0, 1024: 8.0})
    rows += rows_of("longformer", {128: 2.0, 256: 2.5, 512: 3.0, 1024: 3.5})
    slow = [
        row | {"disturbed": True, "latency_ms": 90.0}
        if (row["variant"], row["sequence_length"]) == ("longformer", 512)
        else row
        for row in rows
    ]
    (row,) = find(slow)
    assert outcomes(row) == ["lose", "lose", "tie", "win"]
    assert 256 < row["tipping_point"] < 512
