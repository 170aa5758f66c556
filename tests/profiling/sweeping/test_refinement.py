"""A sweep that chooses its lengths, on rows whose truth is known."""

from itertools import islice

import numpy as np
import pytest

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.rows.reading import newest_rows
from tests.samples.refined import CROSSING, ENDS, Rows, costs, measure, refinement, visits_of


def test_it_begins_with_two_visits_of_both_ends() -> None:
    order = measure(refinement(), [], most=8)
    assert {order[i][1] for i in range(8)} == set(ENDS)
    assert sorted({number for _, _, number in order}) == [0, 1]


def test_the_interval_becomes_narrow_around_the_crossing_with_half_the_visits_of_a_grid() -> None:
    rows: Rows = []
    order = measure(refinement(), rows)
    (answer,) = find_tipping_points(rows)
    assert answer["verdict"] == "crosses"
    assert answer["ci_low"] <= CROSSING <= answer["ci_high"] <= 1.25 * answer["ci_low"]
    assert len(order) <= 2 * 8 * 3 * 0.6
    visited = {length for _, length, _ in order}
    assert sum(1000 < length < 2300 for length in visited) >= 2


@pytest.mark.parametrize("stopped_after", [2, 6, 8, 10, 12, 14, 18])  # not inside a group
def test_an_interrupted_sweep_goes_on_as_it_would_have(stopped_after: int) -> None:
    whole = measure(refinement(), [])
    rows: Rows = []
    first = measure(refinement(), rows, most=stopped_after)
    assert first + measure(refinement(), rows) == whole
    assert measure(refinement(), rows) == []


def test_no_length_gets_more_visits_than_allowed_however_noisy_it_is() -> None:
    def noisy(visit: Visit) -> float:
        generator = np.random.default_rng(
            [visit.number, visit.point.length, len(visit.point.variant)]
        )
        return float(costs(visit) * np.exp(generator.standard_normal()))

    order = measure(refinement(visits=4), [], cost=noisy)
    assert max(number for _, _, number in order) == 3


def test_an_answer_that_is_clear_at_the_ends_takes_one_length_more() -> None:
    def never(visit: Visit) -> float:
        return costs(visit) * (1.0 if visit.point.variant == "bert" else 100.0)

    order = measure(refinement(), [], cost=never)
    assert {length for _, length, _ in order} == {256, 2048, 16384}
    assert len(order) == 2 * (2 + 2 + 2)


def test_memory_is_refined_by_lengths_and_not_by_visits_that_do_not_measure_it() -> None:
    rows: Rows = []
    plan = refinement(metrics=["memory"], visits=9)
    for visit in islice(visits_of(plan, rows), 500):
        size = 1000 * visit.point.length ** (1.4 if visit.point.variant == "bert" else 1.0)
        memory = size / CROSSING ** (0.4 if visit.point.variant == "bert" else 0.0)
        rows.append(row_of(visit) | {"status": "ok", "seconds": 1.0, "peak_memory_mib": memory})
    (answer,) = find_tipping_points(rows)
    # Without noise the interval is a point on a curve that is straight in the logarithm.
    assert answer["ci_low"] == pytest.approx(CROSSING) or answer["ci_low"] < CROSSING
    assert answer["ci_high"] <= 1.25 * answer["ci_low"]
    assert max(row["visit"] for row in rows) == 1


def test_a_time_budget_ends_it_and_the_same_command_adds_nothing() -> None:
    rows: Rows = []
    assert len(measure(refinement(budget_s=17.5), rows)) == 16  # pairs of visits, a second each
    assert measure(refinement(budget_s=17.5), rows) == []
    assert refinement(budget_s=17.5).seconds_left(rows) == 1.5


def test_visits_that_fail_are_tried_again_by_the_next_sweep_alone() -> None:
    rows: Rows = []
    failing = visits_of(refinement(), rows)
    for visit in islice(failing, 500):
        broken = visit.point.variant == "local_bert" and visit.point.length == 2048
        found = {"status": "error"} if broken else {"status": "ok", "latency_ms": costs(visit)}
        rows.append(row_of(visit) | {"seconds": 1.0} | found)
    failed = [(row["sequence_length"], row["visit"]) for row in rows if row["status"] == "error"]
    assert len(failed) == 1  # where it fails, it is not asked for again
    again = next(refinement().missing(rows))
    ((length, number),) = failed
    assert {(v.point.variant, v.point.length, v.number) for v in again} == {
        (name, length, number + 1) for name in ("bert", "local_bert")
    }


@pytest.mark.parametrize("length", [256, 2048])
def test_a_sweep_tries_no_visit_twice_where_one_fails(length: int) -> None:
    rows: Rows = []
    for sweep in range(2):
        tried = []
        for visit in islice(visits_of(refinement(), rows), 500):
            tried.append((visit.point.variant, visit.point.length, visit.number))
            broken = tried[-1][:2] == ("local_bert", length)
            found = {"status": "error"} if broken else {"status": "ok", "latency_ms": costs(visit)}
            made = row_of(visit) | {"seconds": 1.0} | found
            rows[:] = map(dict, newest_rows([*rows, made]))
        failed = [
            number for name, where, number in tried if (name, where) == ("local_bert", length)
        ]
        assert failed == ([0, 1], [2])[sweep] if length in ENDS else [sweep]
        assert len(tried) == len(set(tried))


def test_lengths_of_another_range_count_and_are_not_visited_again() -> None:
    rows: Rows = []
    plan = refinement()
    for length, status in [(1480, "ok"), (1600, "ok"), (1608, "error")]:
        assert length not in plan.ranges[0].lengths
        for point in plan.ranges[0].at(length):
            visit = Visit(point, 0)
            latency = costs(visit) if status == "ok" else None
            rows.append(row_of(visit) | {"status": status, "seconds": 1.0, "latency_ms": latency})
    order = measure(plan, rows)
    assert plan.spent(rows) == len(order) + 4  # what failed before counts for nothing
    assert {length for _, length, _ in order} <= set(plan.ranges[0].lengths)
    (answer,) = find_tipping_points(rows)
    assert {item["length"] for item in answer["lengths"]} >= {1480, 1600}
