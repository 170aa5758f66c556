"""Lengths at which a side was tried and the two cannot be compared: each is told, and why."""

import pytest

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.report.notes import gather_notes
from tests.samples.rows.comparisons import OPPONENTS, row
from tests.samples.rows.curves import Row, find, find_one, outcomes, rows_of

KILLED = "the process ended with signal 9"
CURVES = {"bert": {128: 1.0, 256: 3.0}, "longformer": {128: 2.0, 256: 2.0}}


def beside(length: int, **statuses: str) -> list[Row]:
    """Return two curves that cross, and what became of some variants at one more length."""
    rows = [row for name, values in CURVES.items() for row in rows_of(name, values)]
    for name, status in statuses.items():
        rows += rows_of(name, {length: status}, error=KILLED)
    return rows


@pytest.mark.parametrize("status", ["error", "skipped", "oom", None])
def test_a_length_without_an_answer_on_either_side_is_missing_not_lost(status: str | None) -> None:
    vanilla = {128: 1.0, 256: 3.0, 512: "oom" if status == "oom" else 9.0}
    row = find_one(vanilla, {128: 2.0, 256: 2.0, 512: status})
    assert outcomes(row) == ["lose", "win", "missing"]
    assert row["lengths"][2]["ratio"] is None
    assert (row["verdict"], row["longest_measured"]) == ("crosses", 256)


def test_running_out_of_memory_against_a_missing_metric_is_missing() -> None:
    row = find_one({128: 1.0, 256: "oom"}, {128: 2.0, 256: None})
    assert row["longest_measured"] == 128


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        ({"bert": "error"}, f"bert eager: {KILLED}; longformer library was not measured"),
        ({"longformer": "error"}, f"bert eager was not measured; longformer library: {KILLED}"),
        (
            {"bert": "error", "longformer": "error"},
            f"bert eager: {KILLED}; longformer library: {KILLED}",
        ),
    ],
)
def test_a_length_at_which_no_side_answers_is_missing_with_the_reason(
    statuses: dict[str, str], reason: str
) -> None:
    (answer,) = find(beside(8192, **statuses))
    assert answer["lengths"][2]["outcome"] == "missing"
    assert answer["lengths"][2]["reason"] == reason
    (note,) = gather_notes([answer])
    assert note.endswith(f"at 8,192 tokens not compared ({reason})")


def test_a_failure_of_both_between_compared_lengths_leaves_a_gap_that_is_told() -> None:
    (answer,) = find(beside(192, bert="error", longformer="error"))
    assert [item["length"] for item in answer["lengths"]] == [128, 192, 256]
    assert outcomes(answer) == ["lose", "missing", "win"]


def test_failures_under_two_efforts_are_told_in_the_words_of_the_newest() -> None:
    rows = beside(512, bert="error")
    rows += rows_of("bert", {512: "error"}, error="it broke again", min_samples=50)
    (answer,) = find(rows)
    assert answer["lengths"][2]["reason"].startswith("bert eager: it broke again;")


def test_a_kernel_that_ran_alone_is_told_though_another_of_its_side_has_no_row() -> None:
    rows = [row("plain", "eager"), row("quick", "library"), row("quick", "rival")]
    rows.append(row("quick", "library", 8192))
    assert find_missing_of(rows) == {
        8192: "plain eager was not measured; quick rival was not measured"
    }


def test_of_kernels_without_an_answer_the_one_that_failed_says_why() -> None:
    rows = [row("plain", "eager"), row("quick", "library"), row("quick", "rival")]
    rows.append(row("quick", "rival", 8192, status="error", error=KILLED))
    assert find_missing_of(rows) == {8192: f"plain eager was not measured; quick rival: {KILLED}"}


def test_a_length_at_which_the_metric_was_not_asked_for_is_not_tried() -> None:
    asked = {"metrics": ["memory"], "latency_ms": None}
    rows = [row("plain", "eager"), row("quick", "library"), row("plain", "eager", 8192, **asked)]
    assert find_missing_of(rows) == {}


def find_missing_of(rows: list[Row]) -> dict[int, str]:
    """Return the missing lengths of best against best in latency, and why."""
    found = find_tipping_points(rows, opponents=lambda _: OPPONENTS)
    (answer,) = (
        each
        for each in found
        if (each["comparison"], each["metric"]) == ("best_vs_best", "latency")
    )
    missing = [item for item in answer["lengths"] if item["outcome"] == "missing"]
    return {item["length"]: item["reason"] for item in missing}


def test_a_failure_at_the_longest_length_is_told_in_the_words_of_its_row() -> None:
    rows = rows_of("bert", {128: 1.0, 256: 9.0, 512: 9.0})
    rows += rows_of("longformer", {128: 2.0, 256: 2.0})
    rows += rows_of("longformer", {512: "error"}, error="the process ended with signal 9")
    (row,) = find(rows)
    assert (row["verdict"], row["longest_measured"]) == ("crosses", 256)
    assert row["lengths"][2]["reason"] == "longformer library: the process ended with signal 9"


def test_sides_that_share_no_effort_are_said_to() -> None:
    rows = rows_of("bert", {128: 1.0}, min_samples=5)
    rows += rows_of("longformer", {128: 2.0}, min_samples=50)
    (row,) = find(rows)
    assert (row["verdict"], row["longest_measured"]) == ("undecided", None)
    assert row["reason"] == "the two were never measured with the same effort"
    assert row["efficient_implementation"] == "library"


def test_a_failure_under_one_effort_does_not_hide_that_two_others_never_met() -> None:
    rows = rows_of("bert", {128: 1.0}, min_samples=5)
    rows += rows_of("longformer", {128: 2.0}, min_samples=50)
    rows += rows_of("bert", {128: "error"}, min_samples=50)
    (row,) = find(rows)
    assert row["reason"] == "the two were never measured with the same effort"
