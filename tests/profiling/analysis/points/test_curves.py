"""Rows become points of curves."""

import pytest

from profiling.analysis.points.curves import build_curves
from tests.samples.rows.run import FAILED, sample_rows, small_rows


def test_a_point_is_the_median_of_its_visits_with_their_whole_spread() -> None:
    rows = [row for row in sample_rows() if row["variant"] == "vit" and row["input_size"] == 224]
    curve = next(curve for curve in build_curves(rows) if curve.contender.label == "vit sdpa")
    values = sorted(
        row["latency_ms"]
        for row in rows
        if (row["implementation"], row["phase"]) == ("sdpa", curve.phase)
    )
    spread = curve.points[0].values["latency_ms"]
    assert (spread.low, spread.median, spread.high) == tuple(values)
    assert curve.points[0].length == 224


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["ok", "ok", "oom"], "ok"),
        (["ok", "oom"], "oom"),
        (["ok", "error"], "ok"),
        (["error", "error"], "error"),
        (["skipped"], "skipped"),
    ],
)
def test_visits_that_ended_differently_give_one_status(statuses: list[str], status: str) -> None:
    row = next(row for row in small_rows() if row["status"] == "ok")
    rows = [
        row | ({} if name == "ok" else FAILED) | {"status": name, "visit": visit}
        for visit, name in enumerate(statuses)
    ]
    (curve,) = build_curves(rows)
    point = curve.points[0]
    assert {reading.status for reading in point.readings.values()} == {status}
    # What verdicts take for out of memory is drawn as out of memory.
    assert bool(point.values) == (status == "ok")


def test_a_point_keeps_what_it_has_when_another_metric_ran_out_of_memory() -> None:
    row = next(row for row in small_rows() if row["status"] == "ok")
    (curve,) = build_curves([row | {"status": "oom", "peak_memory_mib": None}])
    assert curve.measured("latency_ms") == list(curve.points)
    assert curve.out_of_memory("latency_ms") == []
    assert curve.out_of_memory("peak_memory_mib") == list(curve.points)


def test_a_curve_shows_the_newest_effort_that_has_the_metric() -> None:
    row = next(row for row in small_rows() if row["status"] == "ok")
    old = row | {"min_samples": 5, "visit": 1}
    new = row | {"min_samples": 9, "latency_ms": 7.0, "peak_memory_mib": None}
    values = build_curves([old, new])[0].points[0].values
    assert (values["latency_ms"].median, values["latency_ms"].num_visits) == (7.0, 1)
    assert values["peak_memory_mib"].median == row["peak_memory_mib"]


@pytest.mark.parametrize("condition", ["size", "precision", "device_name", "threads", "dropout"])
def test_different_settings_never_share_a_curve(condition: str) -> None:
    row = next(row for row in small_rows() if row["status"] == "ok")
    curves = build_curves([row, row | {condition: "other"}])
    first, second = (curve.setting for curve in curves)
    assert first != second
    assert "other" in second.describe([first, second])
