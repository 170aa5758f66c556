"""A sweep that chooses its lengths goes on where others were, and beside visits that fail."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit, measures_memory
from profiling.sweeping.made import made_in
from tests.samples.refined import (
    BERT,
    CROSSING,
    ENDS,
    LOCAL,
    Found,
    Rows,
    costs,
    measure,
    refinement,
)

OOM = {"status": "oom"}
ERROR = {"status": "error", "error": "it broke"}


def answer_of(rows: Rows, efficient: str = "local_bert", **fields: Any) -> dict[str, Any]:
    wanted = {"efficient": efficient, "comparison": "best_vs_best"} | fields
    found = find_tipping_points(rows)
    (answer,) = [row for row in found if all(row[name] == wanted[name] for name in wanted)]
    return answer


def check_narrow(answer: dict[str, Any], crossing: float = CROSSING) -> None:
    assert answer["verdict"] == "crosses"
    assert answer["ci_low"] <= crossing <= answer["ci_high"] <= 1.25 * answer["ci_low"]


def lengths_of(answer: dict[str, Any]) -> list[int]:
    return [item["length"] for item in answer["lengths"]]


def either(found: Found, when: Callable[[Visit], bool]) -> Callable[[Visit], Found]:
    return lambda visit: found if when(visit) else costs(visit)


@pytest.mark.parametrize("failure", [OOM, ERROR])
def test_where_the_longer_end_fails_for_both_what_lies_between_is_measured(
    failure: dict[str, Any],
) -> None:
    rows: Rows = []
    measure(refinement(), rows, cost=either(failure, lambda visit: visit.point.length > 6000))
    check_narrow(answer_of(rows))


def test_where_one_failed_at_the_shorter_end_what_lies_between_is_measured() -> None:
    def fails(visit: Visit) -> bool:
        return visit.point.variant == "local_bert" and visit.point.length == ENDS[0]

    rows: Rows = []
    measure(refinement(), rows, cost=either(ERROR, fails))
    check_narrow(answer_of(rows))


def test_an_answer_that_is_clear_below_the_memory_budget_takes_three_lengths_up_to_it() -> None:
    def never(visit: Visit) -> Found:
        if visit.point.length > 3000:
            return OOM
        return costs(visit) * (1.0 if visit.point.variant == "bert" else 100.0)

    rows: Rows = []
    measure(refinement(), rows, cost=never)
    lost = [item["length"] for item in answer_of(rows)["lengths"] if item["outcome"] == "lose"]
    assert len(lost) == 3
    assert 2048 < lost[-1] <= 3000


def test_where_nothing_longer_fits_it_soon_ends() -> None:
    rows: Rows = []
    order = measure(refinement(), rows, cost=either(OOM, lambda visit: visit.point.length > 256))
    tried = {length for _, length, _ in order}
    assert len(tried) <= 8
    assert min(tried - {256}) < 1.5 * 256
    assert Counter(length for _, length, _ in order)[2048] == 2  # one visit of each is enough


@pytest.mark.parametrize("failure", [ERROR, {"latency_ms": 1.0, "disturbed": True}])
def test_where_the_middle_gives_no_number_its_neighbours_are_asked(failure: dict[str, Any]) -> None:
    rows: Rows = []
    measure(refinement(), rows, cost=either(failure, lambda visit: visit.point.length == 2048))
    check_narrow(answer_of(rows))


BIGBIRD = {"name": "bigbird", "implementations": ["library"]}
BEGINS = 712  # BigBird, which is the nearest length to the middle of these ends
WITH_ITS_START: dict[str, Any] = {"variants": [BERT, LOCAL, BIGBIRD], "ends": [256, 2048]}


@pytest.mark.parametrize("visits", [3, 5])
def test_a_length_where_others_began_is_open_to_a_comparison_that_was_never_there(
    visits: int,
) -> None:
    rows: Rows = []
    measure(refinement(visits=visits, **WITH_ITS_START), rows)
    check_narrow(answer_of(rows))
    at_start = [row for row in rows if row["sequence_length"] == BEGINS]
    numbers = {
        name: {row["visit"] for row in at_start if row["variant"] == name}
        for name in ("bert", "local_bert", "bigbird")
    }
    # The vanilla model is measured anew beside it, not only where BigBird began.
    assert numbers["bigbird"] >= {0, 1}
    assert numbers["local_bert"].isdisjoint({0, 1})
    assert numbers["local_bert"] < numbers["bert"]
    assert 2 <= len(numbers["local_bert"]) <= visits


def test_a_checkpoint_of_another_size_is_measured_once_beside_a_variant_that_begins_later() -> None:
    trained = {"checkpoint": "a folder"}

    def found(visit: Visit) -> dict[str, Any]:
        point = visit.point
        cost = costs(visit)
        if point.checkpoint is None:
            return {"latency_ms": cost}
        # It crosses at 400, and its children say what size it has.
        power = 1.4 if point.variant == "bert" else 1.0
        return {"latency_ms": cost * (CROSSING / 400) ** power, "size": "custom"}

    rows: Rows = []
    variants = [BERT, BIGBIRD, BERT | trained, LOCAL | trained]
    measure(refinement(variants=variants, ends=[256, 2048]), rows, cost=found)
    assert len({(row["key"], row["visit"]) for row in rows}) == len(rows)
    assert answer_of(rows, "bigbird")["verdict"] == "crosses"
    assert answer_of(rows)["verdict"] == "crosses"


def test_memory_is_measured_at_a_length_that_others_have_visited_often() -> None:
    def fields(visit: Visit) -> dict[str, Any]:
        known = measures_memory(visit.point, visit.nth, beside_speed=True)
        return {"peak_memory_mib": 1000.0 * costs(visit) if known else None}

    rows: Rows = []
    measure(refinement(["memory"], visits=5, **WITH_ITS_START), rows, cost=fields)
    outcomes = {item["length"]: item["outcome"] for item in answer_of(rows)["lengths"]}
    assert outcomes[BEGINS] == "lose"


def test_a_variant_that_is_added_to_an_ended_sweep_is_compared_at_all_lengths() -> None:
    rows: Rows = []
    measure(refinement(), rows)
    before = len(rows)
    wider = LOCAL | {"attention_window": 16}
    measure(refinement(variants=[BERT, LOCAL, wider]), rows)
    added = rows[before:]
    inner = [row for row in added if row["sequence_length"] not in ENDS]
    for found in (inner, [row for row in added if row not in inner]):
        assert {row["attention_window"] for row in found} == {16, None}  # bert anew beside it
    check_narrow(answer_of(rows, attention_window=16))
    assert len({(row["key"], row["visit"]) for row in rows}) == len(rows)


def test_a_kernel_that_is_added_to_an_ended_sweep_leaves_its_answers_narrow() -> None:
    def slower_eager(visit: Visit) -> float:
        return costs(visit) * (10.0 if visit.point.implementation == "eager" else 1.0)

    rows: Rows = []
    measure(refinement(), rows, cost=slower_eager)
    before = answer_of(rows)
    num_before = len(rows)
    both = BERT | {"implementations": ["eager", "sdpa"]}
    measure(refinement(variants=[both, LOCAL]), rows, cost=slower_eager)
    check_narrow(answer_of(rows))
    assert len(set(lengths_of(before)) & set(lengths_of(answer_of(rows)))) >= 4
    by_visit = groupby(rows[num_before:], key=lambda row: (row["sequence_length"], row["visit"]))
    for _, together in by_visit:  # nothing of it is compared with what was measured before
        assert {row["implementation"] for row in together} == {"eager", "sdpa", "local_blocked"}


@pytest.mark.parametrize("stopped_after", [2, 4, 6, 8])
def test_an_ended_sweep_to_which_a_variant_was_added_goes_on_after_an_interruption(
    stopped_after: int,
) -> None:
    def added() -> Any:
        return refinement(variants=[BERT, LOCAL, LOCAL | {"attention_window": 16}])

    ended: Rows = []
    measure(refinement(), ended)
    whole = measure(added(), [*ended])
    rows = [*ended]
    first = measure(added(), rows, most=stopped_after)
    assert first + measure(added(), rows) == whole
    assert measure(added(), rows) == []


def test_a_visit_that_was_skipped_for_a_reason_that_is_gone_was_not_made() -> None:
    plan = refinement()
    for status, is_made in (("skipped", False), ("ok", True), ("error", True)):
        rows = [row_of(Visit(point, 0)) | {"status": status} for point in plan.ranges[0].starts()]
        assert bool(made_in(plan.ranges, rows)) == is_made
    order = measure(plan, [row | {"status": "skipped", "seconds": 0.0} for row in rows])
    assert order[:2] == measure(refinement(), [])[:2]
