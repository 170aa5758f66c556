"""A sweep of a check in which something fails: it is tried once more, and nothing else is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from profiling.checking import sweeping
from profiling.checking.scale import tiny
from profiling.checking.sweeping import NO_TIME_S, run_sweeps
from profiling.planning.settings import SweepSettings
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.rows.run_directory import RunDirectory
from tests.samples.variants.points import points_of

BERT = {"name": "bert", "implementations": ["eager"]}


def check(
    outcomes: Iterator[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], list[float | None]]:
    """Run two sweeps that visit a point each time; return the report's row and their budgets."""
    budgets: list[float | None] = []

    class OneVisit:
        def __init__(self, settings: SweepSettings, run: RunDirectory, has_sentinel: bool) -> None:
            self.settings, self.run = settings, run

        def measure(self) -> None:
            budgets.append(self.settings.time_budget_s)
            point, status = points_of("text", [48], [BERT])[0], next(outcomes)
            found = {"status": status, "error": "it broke" if status == "error" else None}
            self.run.append(row_of(Visit(point, len(self.run.rows))) | {"seconds": 1.0} | found)

    monkeypatch.setattr(sweeping, "Sweep", OneVisit)
    *_, report = run_sweeps(tiny().sweeps[:2], folder, 600.0, lambda out: None)
    return report, budgets


def test_an_error_that_the_second_try_makes_good_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, budgets = check(iter(["error", "ok", "ok"]), tmp_path, monkeypatch)
    assert (report["status"], report["error"]) == ("ok", None)
    assert [budget == NO_TIME_S for budget in budgets] == [False, True, False]


def test_what_fails_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report, budgets = check(iter(["error", "error", "error", "error"]), tmp_path, monkeypatch)
    assert report["status"] == "failed"
    assert report["error"] == "1 point fails, the first: it broke"
    assert [budget == NO_TIME_S for budget in budgets] == [False, True, False, True]
