"""What a second run lost although one of its visits gave a number."""

from typing import Any

import pytest

from profiling.analysis.run_comparison.comparing import compare_runs
from profiling.analysis.run_comparison.run_answers import Answer
from profiling.analysis.run_comparison.shared_points import Run
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from tests.samples.rows.comparisons import METRICS, row
from tests.samples.rows.runs import only_latency, visits_of
from tests.samples.variants.points import points_of

Row = dict[str, Any]
TEN = (10.0, 10.1, 9.9)
ALL = ("latency", "throughput", "memory")


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
    assert [answer.metric for answer in found.lost] == [*ALL]
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


@pytest.mark.parametrize(
    ("modality", "variant", "length"),
    [("vision", "swin", 224), ("vision", "vit", 224), ("speech", "parakeet", 400)],
)
def test_a_point_is_lost_where_its_model_can_no_longer_be_built(
    modality: str, variant: str, length: int
) -> None:
    asked = row_of(Visit(points_of(modality, [length], [variant])[0], 0))
    assert asked["sequence_length"] is None  # only a model knows
    numbers = {name: 10.0 for name in METRICS}
    first = [asked | numbers | {"visit": visit, "sequence_length": 99} for visit in range(3)]
    broken = [asked | {"visit": visit, "status": "error", "error": "it broke"} for visit in (1, 2)]
    for second, words in ((broken, "failed: it broke"), ([first[0], *broken], "in 2 of 3 visits")):
        found = compare_runs(Run(first), Run(second))
        assert [answer.metric for answer in found.lost] == [*ALL]
        assert all(words in answer.reason for answer in found.lost)
        assert found.lost[0].point.length == length
        assert found.lost[0].to_dict()["conditions"]["sequence_length"] == 99


def test_a_point_is_lost_also_where_others_were_measured_with_another_effort() -> None:
    first, second = (
        [row | {"max_length": row["sequence_length"]} for row in [*shorter, *visits_of(TEN, 1024)]]
        for shorter in (visits_of(TEN), failing((), 2))
    )
    lost = compare_runs(Run(first), Run(second)).lost
    assert [(answer.point.length, answer.metric) for answer in lost] == [
        (512, "latency"),
        (512, "throughput"),
        (512, "memory"),
    ]


def test_a_metric_that_the_second_run_never_asked_for_is_not_lost() -> None:
    second = [
        row | {"metrics": ["latency"]} for row in only_latency(failing((10.0, 10.1, 9.9, 10.0), 1))
    ]
    found = compare_runs(Run(visits_of(TEN, metrics=list(ALL))), Run(second))
    assert found.lost == []
    assert [alone.metrics for alone in found.only_first] == [("throughput", "memory")]


def test_what_runs_out_of_memory_says_nothing_of_a_metric_that_nobody_asked_for() -> None:
    runs = (
        [row | {"metrics": ["latency"]} for row in only_latency(rows)]
        for rows in (visits_of(TEN), failing((), 2, "oom"))
    )
    found = compare_runs(*map(Run, runs))
    assert [answer.metric for answer in found.lost] == ["latency"]
    assert found.only_second == []


def test_a_sweep_for_throughput_tries_the_latency_as_well() -> None:
    second = [row | {"metrics": ["throughput"]} for row in failing((), 2)]
    lost = compare_runs(Run(visits_of(TEN)), Run(second)).lost
    assert [answer.metric for answer in lost] == ["latency", "throughput"]
