"""A visit that neighbours disturb is made again."""

from types import SimpleNamespace
from typing import Any

import pytest

from profiling.planning.schedule import Visit
from profiling.sweeping.sweep import Sweep
from tests.samples.points import points_of


@pytest.mark.parametrize(
    ("disturbed", "budget_s", "attempts"),
    [
        ([False], None, 1),
        ([True, False], None, 2),
        ([True, True, True], None, 3),
        ([True], 1e-9, 1),
        ([True, False], 1e9, 2),
    ],
)
def test_a_disturbed_visit_is_made_again_while_there_is_time(
    disturbed: list[bool], budget_s: float | None, attempts: int
) -> None:
    seen = iter(disturbed)
    settings = SimpleNamespace(time_budget_s=budget_s)
    sweep: Any = SimpleNamespace(
        settings=settings, _attempt=lambda visit: {"disturbed": next(seen)}
    )
    (point, *_) = points_of("text", [12], ["bert"])
    row = Sweep._measure(sweep, Visit(point, 0), budget_s)
    assert row["disturbed"] is disturbed[attempts - 1]
    assert next(seen, None) is None
