"""What a second run lost although one of its visits gave a number."""

from typing import Any

import pytest

from profiling.analysis.run_comparison.comparing import compare_runs
from profiling.analysis.run_comparison.run_answers import Answer
from profiling.analysis.run_comparison.shared_points import Run
from tests.samples.rows.comparisons import row
from tests.samples.rows.runs import only_latency, visits_of

Row = dict[str, Any]
TEN = (10.0, 10.1, 9.9)


def failing(latencies: tuple[float, ...], failed: int, status: str = "error") -> list[Row]:
    """Return visits that worked, and then some that did not."""
    first = len(latencies)
    return visits_of(latencies) + [
        row("bert", "sdpa", visit=first + n, status=status, error="it broke\nat a length")
        for n in range(failed)
    ]


def latency(first: list[Row], second: list[Row]) -> Answer:
    (answer,) = compare_runs(Run(only_latency(first)), Run(only_latency(second))).answers
    return answer


@pytest.mark.parametrize(
    ("status", "words"),
    [("error", "the second run failed in 2 of 3 visits"), ("skipped", "the second run skipped it")],
)
def test_a_point_that_gives_nothing_in_most_visits_is_lost(status: str, words: str) -> None:
    answer = latency(visits_of(TEN), failing((10.0,), 2, status))
    assert answer.is_lost
    assert (answer.verdict, answer.ratio) == ("cannot_tell", None)
    assert answer.reason.startswith(words)
    assert answer.reason.endswith("2 of 3 visits: it broke")


def test_the_comparison_lists_it_with_what_was_lost_in_every_metric() -> None:
    found = compare_runs(Run(visits_of(TEN)), Run(failing((10.0,), 1)))
    assert [answer.metric for answer in found.lost] == ["latency", "throughput", "memory"]
    assert {answer.reason for answer in found.lost} == {
        "the second run failed in 1 of 2 visits: it broke"
    }


def test_a_point_is_not_lost_where_two_visits_count_or_none_failed() -> None:
    judged = latency(visits_of(TEN), failing((10.0, 10.1), 3))
    assert not judged.is_lost
    assert judged.ci_low is not None
    assert not latency(visits_of(TEN), visits_of([10.0])).is_lost


def test_a_visit_that_neighbours_disturbed_did_not_fail() -> None:
    rows = failing((10.0, 10.1), 1)
    rows[0] |= {"disturbed": True}
    assert not latency(visits_of(TEN), rows).is_lost


def test_what_failed_as_often_before_was_not_lost_since() -> None:
    assert not latency(failing((10.0,), 2), failing((10.0,), 2)).is_lost


def test_visits_are_called_undisturbed_only_where_others_were_left_out() -> None:
    once = visits_of([10.0])
    assert latency(visits_of(TEN), once).reason == "3 and 1 visits; each run needs 2"
    disturbed = [row | {"disturbed": row["visit"] > 0} for row in visits_of(TEN)]
    said = latency(visits_of(TEN), disturbed).reason
    assert said == "3 and 1 undisturbed visits; each run needs 2"
