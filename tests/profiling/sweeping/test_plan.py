"""The plan of a whole sweep, in which some modalities have given lengths and some choose."""

from collections.abc import Sequence
from itertools import islice

import pytest

from profiling.planning.grids import PointMaker, make_points
from profiling.planning.points import DataFacts, Point
from profiling.planning.ranges import Range
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.planning.visit_row import row_of
from profiling.rows.columns import Row
from profiling.sweeping.plan import Plan
from profiling.sweeping.refinement import Refinement
from tests.samples.variants.points import CONDITIONS

ENDS = [64, 256]
MODALITIES = {
    "text": ModalitySettings(["bert"], lengths=ENDS),
    "speech": ModalitySettings(["hubert"], lengths=ENDS, refine=True),
}


def plan_with(budget_s: float | None) -> Plan:
    settings = SweepSettings(dict(MODALITIES), phases=["inference"], time_budget_s=budget_s)
    facts = DataFacts("synthetic", ENDS, 10)
    maker = PointMaker(settings, CONDITIONS, "speech", facts)
    points = make_points(settings, CONDITIONS, {"text": facts})
    return Plan(settings, points, [Range("inference", maker)])


def rows_of(points: Sequence[Point], seconds: float) -> list[Row]:
    asked = {"visit": 0, "status": "ok", "seconds": seconds}
    return [point.columns | {"key": point.key} | asked for point in points]


def test_what_is_left_of_a_budget_is_all_that_no_visit_has_taken() -> None:
    plan = plan_with(100.0)
    assert plan.budget_left([]) == 100.0
    given, chosen = plan.first_points()[0], plan.first_points()[-1]
    assert (given.modality, chosen.modality) == ("text", "speech")
    assert plan.budget_left(rows_of([given], 7.0)) == 93.0
    assert plan.budget_left(rows_of([given, chosen], 7.0)) == 86.0
    assert plan.budget_left(rows_of([given, chosen], 70.0)) == 0.0


@pytest.mark.parametrize("seconds", [0.0, 7.0])
def test_without_a_budget_nobody_knows_what_is_left(seconds: float) -> None:
    plan = plan_with(None)
    assert plan.budget_left(rows_of(plan.first_points(), seconds)) is None


def test_a_plan_that_has_no_end_is_an_error_and_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_with(None)
    again = [plan.first_points()[-1]]
    monkeypatch.setattr(Refinement, "_choose", lambda plan, made: again)
    rows: list[Row] = []

    def measure() -> None:
        for visits in islice(plan.missing(rows), 100):
            made = {"status": "ok", "seconds": 1.0}
            rows.extend(row_of(visit) | made for visit in visits if visit.number < 2)

    with pytest.raises(RuntimeError, match="visit 2 of hubert .* was planned twice"):
        measure()
