"""A plan whose sweeps are stopped, disturbed, or meet errors: what comes next, and when it ends."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from profiling.planning.grids import PointMaker, make_points
from profiling.planning.points import DataFacts
from profiling.planning.ranges import Range
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.sweeping.plan import Plan
from tests.samples.variants.points import CONDITIONS

Rows = list[dict[str, Any]]
Day = Callable[[Visit], dict[str, Any]]
GIVEN, ENDS = [64, 96, 128], [80, 640]
TEXT = [
    {"name": "bert", "implementations": ["sdpa"]},
    {"name": "fnet"},
]
SPEECH = [
    {"name": "hubert", "implementations": ["sdpa"]},
    {"name": "lhubert", "attention_window": 8, "implementations": ["local_blocked"]},
]
DISTURBED = {"disturbed": True}
ERROR = {"status": "error", "error": "it broke", "latency_ms": None}


def plan(budget_s: float | None = None, is_refined: bool = True) -> Plan:
    """Return a plan of text at given lengths, and of speech at lengths that it chooses."""
    text, speech = ModalitySettings(TEXT, lengths=GIVEN), ModalitySettings(SPEECH, lengths=ENDS)
    speech.refine = True
    modalities = {"text": text} | ({"speech": speech} if is_refined else {})
    settings = SweepSettings(
        modalities, phases=["inference"], metrics=["latency"], time_budget_s=budget_s
    )
    points = make_points(settings, CONDITIONS, {"text": DataFacts("synthetic", GIVEN, 10)})
    facts = [DataFacts("synthetic", ENDS, 10)] * is_refined
    makers = [PointMaker(settings, CONDITIONS, "speech", one) for one in facts]
    return Plan(settings, points, [Range("inference", maker) for maker in makers])


def calm(visit: Visit) -> dict[str, Any]:
    is_vanilla = visit.point.variant in ("bert", "hubert")
    factor, power = (1.0, 1.5) if is_vanilla else (15.0, 1.0)
    return {"latency_ms": factor * visit.point.length**power}


def busy(visit: Visit) -> dict[str, Any]:
    return calm(visit) | DISTURBED


def measure(chosen: Plan, rows: Rows, day: Day = calm, most: int = 200) -> list[list[Visit]]:
    """Measure at most so many groups; return them."""
    groups = []
    for group in islice(chosen.missing(rows), most):
        groups.append(group)
        made = {"status": "ok", "seconds": 1.0}
        rows += [row_of(visit) | made | day(visit) for visit in group]
    return groups


def named(groups: list[list[Visit]]) -> list[list[tuple[str, int]]]:
    return [[(visit.point.describe(), visit.number) for visit in group] for group in groups]


@pytest.mark.parametrize("budget_s", [None, 40.0])
def test_a_sweep_that_is_stopped_beside_a_neighbour_comes_to_its_last_visits(
    budget_s: float | None,
) -> None:
    def mostly_busy(visit: Visit) -> dict[str, Any]:
        # Where the longest length is a tie, no other one is chosen.
        return (calm if visit.point.length == ENDS[1] else busy)(visit)

    whole = measure(plan(budget_s), [], mostly_busy)
    lengths = {visit.point.length for group in whole for visit in group}
    assert lengths > {*GIVEN, *ENDS}  # it came to choose some
    rows: Rows = []
    stopped = [measure(plan(budget_s), rows, mostly_busy, most=1) for _ in whole]
    assert named([group for groups in stopped for group in groups]) == named(whole)


def test_what_was_disturbed_is_made_again_once_all_was_made_and_then_there_is_an_end() -> None:
    rows: Rows = []
    measure(plan(), rows, busy, most=2)
    groups = measure(plan(), rows)
    places = [(group[0].point.modality, group[0].point.length) for group in groups]
    assert places[0] == ("text", GIVEN[2])  # the first two were disturbed
    again = len(places) - 1 - places[::-1].index(("text", GIVEN[0]))
    assert again > places.index(("speech", ENDS[1]))
    counted = [row for row in rows if not row.get("disturbed")]
    for length in GIVEN:
        assert sum(row["sequence_length"] == length for row in counted) == 3 * len(TEXT)
    assert measure(plan(), rows) == []


def test_what_fails_is_tried_once_by_each_later_sweep_and_what_is_made_good_no_more() -> None:
    def failing(visit: Visit) -> dict[str, Any]:
        is_broken = visit.point.variant in ("fnet", "lhubert")
        return ERROR if is_broken and visit.point.length in (96, 640) else calm(visit)

    rows: Rows = []
    measure(plan(), rows, failing)
    for _ in range(2):
        groups = measure(plan(), rows, failing)
        assert [{visit.point.variant for visit in group} for group in groups] == [
            {"bert", "fnet"},
            {"hubert", "lhubert"},
        ]
    assert measure(plan(), rows)
    assert measure(plan(), rows) == []


def test_without_time_what_failed_is_made_again_and_nothing_that_was_disturbed() -> None:
    def failing(visit: Visit) -> dict[str, Any]:
        is_broken = visit.point.variant == "fnet" and visit.point.length == 96
        return ERROR if is_broken and visit.number == 2 else busy(visit)

    rows: Rows = []
    measure(plan(is_refined=False), rows, failing)
    (again,) = measure(plan(1e-3, is_refined=False), rows, busy)
    assert {(visit.point.variant, visit.point.length) for visit in again} == {
        ("bert", 96),
        ("fnet", 96),
    }
