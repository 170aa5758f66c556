"""One table of columns: what is added to it is in everything that follows from it."""

from pathlib import Path
from typing import Any

import pytest

from profiling.analysis.answers.comparisons import OTHER_EFFORTS
from profiling.analysis.answers.finding_comparisons import Opponent
from profiling.analysis.answers.tipping_points import find_tipping_points, save_tipping_points
from profiling.analysis.points.curves import build_curves
from profiling.analysis.points.groups import Setting, group_rows
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.report.answers.sections import build_sections
from profiling.report.page.tables import RowTable
from profiling.report.tensorboard.event_files import group_runs
from profiling.rows import columns
from profiling.rows.columns import (
    Column,
    Kind,
    columns_of,
    drawn_columns,
    effort_of,
    judged_columns,
    key_of,
)
from profiling.rows.wrong_values import wrong_column
from tests.samples.rows.curves import rows_of
from tests.samples.rows.run import page_of
from tests.samples.variants.points import points_of

OPPONENTS = {"longformer": Opponent("bert", "library")}


def add(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    column = Column("weather", kind, str, before="dry", words="{} weather")
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, column))


def measured(**fields: Any) -> list[dict[str, Any]]:
    """Return the visits of both variants: the efficient one wins at the longer length."""
    bert = rows_of("bert", {128: 10.0, 256: 40.0}, **fields)
    return bert + rows_of("longformer", {128: 20.0, 256: 20.0}, **fields)


def answers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = find_tipping_points(rows, opponents=lambda _: OPPONENTS)
    return [row for row in found if row["comparison"] == "best_vs_best"]


def test_every_field_of_a_planned_row_is_a_column_and_every_column_is_planned() -> None:
    for modality, length, variant in (
        ("text", 128, "longformer"),
        ("speech", 50, "lhubert"),
        ("vision", 64, "swin"),
    ):
        row = row_of(Visit(points_of(modality, [length], [variant])[0], 2))
        assert set(row) == {column.name for column in columns_of()}
        assert wrong_column(row) is None


def test_every_column_that_has_curves_says_with_which_metrics_it_is_measured() -> None:
    for column in drawn_columns():
        assert column.measured_with
        assert {*column.measured_with} <= judged_columns().keys()


def test_an_added_condition_keeps_rows_apart_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = measured() + measured(weather="wet")
    crossed = rows_of("bert", {128: 10.0}) + rows_of("longformer", {128: 5.0}, weather="wet")
    assert len(build_curves(rows)) == 2  # before there is such a column they are one curve
    assert len(answers(crossed)) == 1

    add(monkeypatch, "condition")
    assert key_of(rows[0]) != key_of(rows[0] | {"weather": "wet"})
    assert len({effort_of(row) for row in rows}) == 1
    assert len(group_rows(rows)) == 2
    assert answers(crossed) == []

    curves = build_curves(rows)
    assert len(curves) == 4
    assert all(point.values["latency_ms"].num_visits == 3 for c in curves for point in c.points)
    settings = list(dict.fromkeys(curve.setting for curve in curves))
    assert [setting.describe(settings) for setting in settings] == ["dry weather", "wet weather"]
    assert {name.split("/")[0] for name in group_runs(curves)} == {"dry_weather", "wet_weather"}

    found = answers(rows)
    assert [row["weather"] for row in found] == ["dry", "wet"]
    assert [section.setting for section in build_sections(found)] == ["dry weather", "wet weather"]
    assert "weather" in RowTable.of(rows).headings
    assert "weather" not in RowTable.of(measured()).headings
    save_tipping_points(found, tmp_path)
    assert "weather" in (tmp_path / "tipping_points.csv").read_text().splitlines()[0].split(",")
    page = page_of(rows, found, {})
    assert "dry weather" in page
    assert "wet weather" in page


def test_an_added_part_of_the_identity_is_a_curve_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add(monkeypatch, "identity")
    curves = build_curves(measured() + measured(weather="wet"))
    assert [curve.contender.label for curve in curves] == [
        "bert eager",
        "longformer w512 library",
        "bert eager wet weather",
        "longformer w512 library wet weather",
    ]
    assert all(point.values["latency_ms"].num_visits == 3 for c in curves for point in c.points)
    # Like for like takes the kernels as they usually are; the best is chosen among all.
    found = find_tipping_points(measured() + measured(weather="wet"), opponents=lambda _: OPPONENTS)
    names = {row["comparison"]: row["efficient_implementation"] for row in found}
    assert names["like_for_like"] == "library"


def test_an_added_state_makes_older_rows_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    from profiling.rows.current import current_rows, name_state

    add(monkeypatch, "state")
    rows = measured() + measured(weather="wet")
    manifest = {"states": {"text": name_state(rows[-1])}}
    assert {row.get("weather") for row in current_rows(rows, manifest)} == {"wet"}


def test_an_added_effort_never_mixes_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, "effort")
    crossed = rows_of("bert", {128: 10.0}) + rows_of("longformer", {128: 5.0}, weather="wet")
    assert {row["reason"] for row in answers(crossed)} == {OTHER_EFFORTS}


@pytest.mark.parametrize("kind", ["identity", "condition", "state", "effort"])
def test_an_added_column_leaves_the_keys_of_older_rows(
    monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    row = points_of("text", [128], ["bert"])[0].columns
    before = key_of(row)
    add(monkeypatch, kind)
    assert key_of(row) == key_of(row | {"weather": "dry"}) == before
    assert key_of(row | {"weather": "wet"}) != before


def test_a_setting_of_an_older_row_is_that_of_its_time() -> None:
    (row, *_) = measured()
    assert Setting.of(row)["batch_size"] == "1"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("visit", "two", "`visit` must be of type int"),
        ("threads", True, "`threads` must be of type int"),
        ("latency_ms", "fast", "`latency_ms` must be of type float"),
        ("modality", "smell", "`modality` must be one of text, speech, vision, got 'smell'"),
        ("status", "fine", "`status` must be one of ok, oom, error, skipped, got 'fine'"),
        ("variant", None, "`variant` must be given"),
    ],
)
def test_what_is_no_row_says_why(field: str, value: object, said: str) -> None:
    (row, *_) = measured()
    assert wrong_column(row) is None
    assert said in str(wrong_column(row | {field: value}))
