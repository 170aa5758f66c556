"""Win, tie or lose at one length, from hand-written measurements."""

import pytest

from tests.samples.curves import Row, find, find_one, judge, outcomes, rows_of


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


@pytest.mark.parametrize("status", ["error", "skipped", "oom", None])
def test_a_length_without_an_answer_on_either_side_is_missing_not_lost(status: str | None) -> None:
    vanilla = {128: 1.0, 256: 3.0, 512: "oom" if status == "oom" else 9.0}
    row = find_one(vanilla, {128: 2.0, 256: 2.0, 512: status})
    assert [item["length"] for item in row["lengths"]] == [128, 256]
    assert (row["verdict"], row["longest_measured"]) == ("crosses", 256)


def test_running_out_of_memory_against_a_missing_metric_is_missing() -> None:
    row = find_one({128: 1.0, 256: "oom"}, {128: 2.0, 256: None})
    assert row["longest_measured"] == 128


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
