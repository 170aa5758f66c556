from dataclasses import replace
from typing import Any

import pytest

from profiling.planning.points import Point
from profiling.planning.schedule import Schedule
from profiling.planning.visits import Visit
from tests.samples.variants.points import points_of


def _run(
    schedule: Schedule, rows: list[dict[str, Any]], seconds: float = 1.0, most: int = 10**6
) -> list[str]:
    order: list[str] = []
    for visit in (visit for group in schedule.missing(rows) for visit in group):
        if len(order) == most:
            break
        order.append(f"{visit.number} {visit.point.describe()}")
        rows.append(_row(visit.point, visit.number, seconds))
    return order


def _row(point: Point, number: int, seconds: float) -> dict[str, Any]:
    asked = {"key": point.key, "visit": number, "status": "ok", "seconds": seconds}
    return point.columns | asked


def test_rounds_alternate_their_direction() -> None:
    points = points_of("text", [64, 96, 128], [{"name": "bert", "implementations": ["sdpa"]}])
    order = [line[2:] for line in _run(Schedule(points, visits=2, time_budget_s=None), [])]
    assert order[len(points) :] == order[: len(points)][::-1]


def test_what_is_compared_begins_each_round_with_another_one() -> None:
    blocked = {"name": "local_bert", "implementations": ["local_blocked"]}
    planned = points_of("text", [64], ["bert", blocked])
    points = [point for point in planned if point.phase == "training"]
    order = _run(Schedule(points, visits=3, time_budget_s=None), [])
    places: dict[str, list[int]] = {line[2:]: [] for line in order}
    for place, line in enumerate(order):
        places[line[2:]].append(place % 3)
    assert all(sorted(found) == [0, 1, 2] for found in places.values())


def test_an_interrupted_sweep_measures_what_is_missing_once() -> None:
    points = points_of("text", [64, 128], ["bert", "longformer"])
    schedule = Schedule(points, visits=3, time_budget_s=None)
    whole = _run(schedule, [])
    rows: list[dict[str, Any]] = []
    first = _run(schedule, rows, most=5 * len(points) // 4)  # five of the groups
    assert first + _run(schedule, rows) == whole
    assert len({(row["key"], row["visit"]) for row in rows}) == len(rows)
    assert _run(schedule, rows) == []


def test_what_is_compared_is_measured_side_by_side() -> None:
    points = points_of("text", [64, 96], ["bert", "longformer"])
    groups = list(Schedule(points, visits=1, time_budget_s=None).missing([]))
    found = [{(visit.point.length, visit.point.phase) for visit in group} for group in groups]
    assert [len(one) for one in found] == [1, 1, 1, 1]
    assert sum(map(len, groups)) == len(points)


def _groups(schedule: Schedule, rows: list[dict[str, Any]], **found: Any) -> list[list[Visit]]:
    """Measure what is missing; return the groups."""
    groups = []
    for group in schedule.missing(rows):
        groups.append(group)
        rows += [_row(visit.point, visit.number, 1.0) | found for visit in group]
    return groups


def _names(group: list[Visit]) -> set[str]:
    return {visit.point.variant for visit in group}


def _numbers(groups: list[list[Visit]]) -> list[set[int]]:
    return [{visit.number for visit in group} for group in groups]


THREE = [
    {"name": "bert", "implementations": ["sdpa"]},
    {"name": "local_bert", "implementations": ["local_blocked"]},
    {"name": "fnet"},
]


def test_what_failed_is_tried_again_beside_all_that_it_is_compared_with_and_nothing_else() -> None:
    points = [p for p in points_of("text", [64], THREE) if p.phase == "inference"]
    schedule = Schedule(points, visits=2, time_budget_s=None)
    rows: list[dict[str, Any]] = []
    _groups(schedule, rows)
    (failed,) = [row for row in rows if (row["key"], row["visit"]) == (points[1].key, 1)]
    failed["status"] = "error"
    groups = _groups(schedule, rows)
    assert [_names(group) for group in groups] == [{"bert", "local_bert"}]
    assert _numbers(groups) == [{2}]
    assert [visit.nth for visit in groups[0]] == [1, 1]
    assert _groups(schedule, rows) == []


def test_what_fails_once_more_waits_for_the_next_sweep() -> None:
    points = [p for p in points_of("text", [64], THREE) if p.phase == "inference"]
    schedule = Schedule(points, visits=3, time_budget_s=None)
    rows: list[dict[str, Any]] = []
    for numbers in ([{0}, {1}, {2}], [{3}], [{4}]):
        groups = []
        for group in schedule.missing(rows):
            groups.append(group)
            for visit in group:
                status = "error" if visit.point.variant == "fnet" else "ok"
                rows.append(_row(visit.point, visit.number, 1.0) | {"status": status})
        assert _numbers(groups) == numbers
    assert _names(groups[0]) == {"bert", "fnet"}


@pytest.mark.parametrize("time_budget_s", [None, 3.0 * 3 * 2])
def test_what_was_disturbed_is_made_again_by_the_next_sweep_as_a_whole(
    time_budget_s: float | None,
) -> None:
    points = points_of("text", [64], THREE)
    schedule = Schedule(points, visits=3, time_budget_s=time_budget_s)
    rows: list[dict[str, Any]] = []
    busy = _groups(schedule, rows, disturbed=True)
    again = _groups(schedule, rows)
    assert [_names(group) for group in again] == [_names(group) for group in busy]
    assert _numbers(busy + again) == [{0}, {0}, {1}, {1}, {2}, {2}, {3}, {3}, {4}, {4}, {5}, {5}]
    assert _groups(schedule, rows) == []


def test_one_disturbed_visit_is_made_again_beside_what_it_is_compared_with_alone() -> None:
    points = [p for p in points_of("text", [64], THREE) if p.phase == "inference"]
    schedule = Schedule(points, visits=3, time_budget_s=None)
    rows: list[dict[str, Any]] = []
    assert len(_groups(schedule, rows)) == 3
    rows[-1]["disturbed"] = True
    (name,) = [point.variant for point in points if point.key == rows[-1]["key"]]
    assert name != "bert"
    (again,) = _groups(schedule, rows, disturbed=True)  # within a sweep what is disturbed counts
    assert _names(again) == {"bert", name}


def test_what_joins_later_is_measured_beside_its_vanilla_model_with_numbers_of_its_own() -> None:
    rows: list[dict[str, Any]] = []
    _groups(Schedule(points_of("text", [64, 96], THREE[:2]), 3, None), rows)
    points = points_of("text", [64, 96], THREE)
    groups = _groups(Schedule(points, 3, None), rows)
    assert {frozenset(_names(group)) for group in groups} == {frozenset({"bert", "fnet"})}
    assert _numbers(groups) == [{3}] * 4 + [{4}] * 4 + [{5}] * 4
    assert [visit.nth for group in groups for visit in group] == [0] * 8 + [1] * 8 + [2] * 8
    assert _groups(Schedule(points, 3, None), rows) == []


def test_a_pair_is_measured_side_by_side() -> None:
    pairs = ["local_bert:local_blocked,fnet:library"]
    rows: list[dict[str, Any]] = []
    _groups(Schedule(points_of("text", [64], THREE[1:2]), 1, None, pairs), rows)
    groups = _groups(Schedule(points_of("text", [64], THREE[1:]), 1, None, pairs), rows)
    assert [_names(group) for group in groups] == [{"local_bert", "fnet"}] * 2


def test_a_group_of_which_a_full_disk_kept_a_part_is_made_once_more_as_a_whole() -> None:
    schedule = Schedule(points_of("text", [64], THREE), 1, None)
    rows: list[dict[str, Any]] = []
    torn = _groups(schedule, rows)[-1]
    del rows[1 - len(torn) :]
    (again,) = _groups(schedule, rows)
    assert _names(again) == _names(torn)
    assert _numbers([again]) == [{1}]


def test_skipped_points_are_visited_once() -> None:
    points = points_of("text", [64], ["bert", "bigbird"])
    skipped = sum(point.skip_reason is not None for point in points)
    order = _run(Schedule(points, visits=3, time_budget_s=None), [])
    assert len(order) == 3 * (len(points) - skipped) + skipped
    assert sum("bigbird" in line for line in order) == skipped


def test_a_time_budget_is_kept_and_the_same_command_adds_nothing() -> None:
    points = points_of("text", [64], ["bert"])
    schedule = Schedule(points, visits=9, time_budget_s=3.5 * len(points) + 0.5)
    rows: list[dict[str, Any]] = []
    assert len(_run(schedule, rows, seconds=1.0)) == 3.5 * len(points)
    assert _run(schedule, rows) == []
    assert schedule.seconds_left(rows) == 0.5


def test_errors_of_later_rounds_are_tried_again_though_the_time_is_over() -> None:
    points = points_of("text", [64, 96], THREE[:1])
    schedule = Schedule(points, visits=2, time_budget_s=1.5 * len(points) + 0.5)
    rows: list[dict[str, Any]] = []
    _run(schedule, rows)
    later = rows[len(points) :]
    assert 0 < len(later) < len(points)
    for row in later:
        row["status"] = "error"
    rows[0]["seconds"] = 1e3  # the time is over
    again = [visit for group in schedule.missing(rows) for visit in group]
    assert schedule.seconds_left(rows) == len(later)
    assert [(visit.point.key, visit.number) for visit in again] == [
        (row["key"], 2) for row in later
    ]
    for row in later:
        row["status"] = "ok"
    assert [*schedule.missing(rows)] == []


def test_an_error_that_was_made_good_is_not_made_again_though_visits_are_left() -> None:
    points = points_of("text", [64], THREE[:1])
    schedule = Schedule(points, visits=9, time_budget_s=3.0 * len(points) + 0.5)
    rows: list[dict[str, Any]] = []
    assert len(_run(schedule, rows)) == 3 * len(points)
    rows[-1]["status"] = "error"
    rows[0]["seconds"] = 1e3  # the time is over
    assert len(_run(schedule, rows)) == 1
    assert _run(schedule, rows) == []


def test_the_first_round_always_ends() -> None:
    points = points_of("text", [64], ["bert"])
    assert len(_run(Schedule(points, visits=3, time_budget_s=0.1), [])) == len(points)


def test_time_left_is_what_the_known_rows_say() -> None:
    points = points_of("text", [64], ["bert"])
    schedule = Schedule(points, visits=2, time_budget_s=None)
    assert schedule.seconds_left([]) is None
    rows = [_row(point, 0, 2.0) for point in points]
    assert schedule.seconds_left(rows) == 2.0 * len(points)


def test_what_was_skipped_is_visited_once_the_reason_is_gone() -> None:
    able = points_of("text", [64], ["bert"])
    unable = [replace(point, skip_reason="needs g++") for point in able]
    rows = [_row(point, 0, 0.0) | {"status": "skipped"} for point in unable]
    assert [*Schedule(unable, visits=2, time_budget_s=None).missing(rows)] == []
    schedule = Schedule(able, visits=2, time_budget_s=None)
    assert schedule.num_done(rows) == 0
    assert len(_run(schedule, rows)) == 2 * len(able)


@pytest.mark.parametrize(("status", "is_open"), [("error", True), ("ok", False), ("oom", False)])
def test_a_visit_is_missing_until_a_row_says_how_it_ended(status: str, is_open: bool) -> None:
    (point, *_) = points_of("text", [64], THREE[:1])
    rows = [_row(point, 0, 1.0) | {"status": status}]
    assert bool([*Schedule([point], 1, None).missing(rows)]) == is_open


def test_visits_that_failed_and_those_beyond_the_most_are_not_done() -> None:
    points = points_of("text", [64], THREE[:1])
    rows = [_row(point, number, 2.0) for number in range(3) for point in points]
    schedule = Schedule(points, visits=3, time_budget_s=None)
    rows[0]["status"] = "error"
    assert next(schedule.missing(rows))
    assert schedule.num_done(rows) == schedule.num_visits - 1
    assert schedule.seconds_left(rows) == 2.0
    fewer = Schedule(points, visits=2, time_budget_s=None)
    assert [*fewer.missing(rows)] == []
    assert fewer.num_done(rows) == fewer.num_visits


def test_what_was_skipped_says_nothing_of_how_long_others_take() -> None:
    points = points_of("text", [64], [THREE[0], "bigbird"])
    skipped = [point for point in points if point.skip_reason]
    able = [point for point in points if not point.skip_reason]
    rows = [_row(point, 0, 0.0) | {"status": "skipped"} for point in skipped]
    schedule = Schedule(points, visits=1, time_budget_s=None)
    assert schedule.seconds_left(rows) is None
    assert schedule.seconds_left([*rows, _row(able[0], 0, 3.0)]) == 3.0 * (len(able) - 1)


def test_a_guess_is_asked_for_each_visit_until_something_is_known() -> None:
    points = points_of("text", [64], THREE[:1])
    schedule = Schedule(points, visits=3, time_budget_s=None)

    def guess(visit: Visit) -> float:
        return 5.0 if visit.number else 30.0

    assert schedule.seconds_left([], guess) == len(points) * (30.0 + 2 * 5.0)
    assert schedule.seconds_left([_row(points[0], 0, 1.0)], guess) == 3 * len(points) - 1
    bounded = Schedule(points, visits=3, time_budget_s=len(points) * 32.0)
    assert bounded.seconds_left([], guess) == len(points) * 32.0
