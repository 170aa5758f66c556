"""The same command on another day, when the machine is a faster one: who is compared with whom."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytest

from profiling.analysis.answers.judging import DISTURBED
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.planning.schedule import Schedule
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.sweeping.refinement import Refinement
from tests.samples.refined import BERT, LOCAL, Rows, refinement
from tests.samples.variants.points import points_of

FNET = {"name": "fnet"}
ENDS = [256, 2048]
FASTER = 0.8
Day = Callable[[Visit], dict[str, Any]]


def given(variants: Sequence[Any]) -> Schedule:
    points = [p for p in points_of("text", ENDS, variants) if p.phase == "inference"]
    return Schedule(points, 3, None)


def chosen(variants: Sequence[Any]) -> Refinement:
    return refinement(variants=variants, ends=ENDS)


PLANS = pytest.mark.parametrize("plan", [given, chosen])


def latency(visit: Visit, speed: float = 1.0) -> dict[str, Any]:
    """Return what all models take alike, 1 % noise included."""
    noise = np.random.default_rng([visit.point.length, visit.number, len(visit.point.variant)])
    cost = visit.point.length * speed * float(np.exp(0.01 * noise.standard_normal()))
    return {"latency_ms": cost}


def measure(plan: Schedule | Refinement, rows: Rows, day: Day = latency) -> list[list[Visit]]:
    groups = []
    for group in islice(plan.missing(rows), 100):
        groups.append(group)
        found = {"status": "ok", "seconds": 1.0}
        rows += [row_of(visit) | found | day(visit) for visit in group]
    return groups


def another_day(visit: Visit) -> dict[str, Any]:
    return latency(visit, FASTER)


def answer_of(rows: Rows, efficient: str) -> dict[str, Any]:
    wanted = ("best_vs_best", efficient)
    found = find_tipping_points(rows)
    (answer,) = [row for row in found if (row["comparison"], row["efficient"]) == wanted]
    return answer


@PLANS
def test_what_joins_on_another_day_gains_nothing_from_a_faster_machine(plan: Any) -> None:
    rows: Rows = []
    measure(plan([BERT, LOCAL]), rows)
    assert answer_of(rows, "local_bert")["verdict"] == "undecided"
    measure(plan([BERT, LOCAL, FNET]), rows, another_day)
    assert answer_of(rows, "fnet")["verdict"] == "undecided"
    assert answer_of(rows, "local_bert")["verdict"] == "undecided"


@PLANS
def test_what_failed_and_is_tried_again_on_another_day_gains_nothing_either(plan: Any) -> None:
    def failing(visit: Visit) -> dict[str, Any]:
        is_broken = visit.point.variant == "local_bert"
        return {"status": "error", "error": "it broke"} if is_broken else latency(visit)

    rows: Rows = []
    measure(plan([BERT, LOCAL]), rows, failing)
    measure(plan([BERT, LOCAL]), rows, another_day)
    answer = answer_of(rows, "local_bert")
    assert answer["verdict"] == "undecided"
    assert {item["outcome"] for item in answer["lengths"]} == {"tie"}


@PLANS
def test_what_was_disturbed_in_all_visits_is_decided_by_the_same_command_on_a_calm_day(
    plan: Any,
) -> None:
    def calm(visit: Visit) -> dict[str, Any]:
        return latency(visit, 0.5 if visit.point.variant == "local_bert" else 1.0)

    rows: Rows = []
    measure(plan([BERT, LOCAL]), rows, lambda visit: calm(visit) | {"disturbed": True})
    before = answer_of(rows, "local_bert")
    assert (before["verdict"], before["reason"]) == ("undecided", DISTURBED)
    assert measure(plan([BERT, LOCAL]), rows, calm)
    assert answer_of(rows, "local_bert")["verdict"] == "always"
    assert measure(plan([BERT, LOCAL]), rows, calm) == []


@PLANS
def test_an_error_that_was_made_good_is_not_made_again(plan: Any) -> None:
    def chance(visit: Visit) -> dict[str, Any]:
        where = visit.point.variant, visit.point.length, visit.number
        failed = {"status": "error", "error": "it was killed"}
        return failed if where == ("bert", ENDS[0], 1) else latency(visit)

    rows: Rows = []
    measure(plan([BERT, LOCAL]), rows, chance)
    assert measure(plan([BERT, LOCAL]), rows)
    assert measure(plan([BERT, LOCAL]), rows) == []


@PLANS
def test_models_of_two_days_are_no_pair_until_a_sweep_has_both(plan: Any) -> None:
    rows: Rows = []
    measure(plan([BERT]), rows)
    measure(plan([LOCAL]), rows, another_day)
    visits = {
        name: {(row["sequence_length"], row["visit"]) for row in rows if row["variant"] == name}
        for name in ("bert", "local_bert")
    }
    assert visits["bert"].isdisjoint(visits["local_bert"])
    groups = measure(plan([BERT, LOCAL]), rows)
    assert {frozenset(visit.point.variant for visit in group) for group in groups} == {
        frozenset({"bert", "local_bert"})
    }
    assert {visit.point.length for group in groups for visit in group} >= {*ENDS}
    assert answer_of(rows, "local_bert")["verdict"] == "undecided"
    assert measure(plan([BERT, LOCAL]), rows) == []
