"""The files that hold tipping points."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from profiling.analysis.answers.tipping_points import save_tipping_points
from tests.samples.rows.curves import Row, judge


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[list[Row]], Path]:
    """Return a function that saves rows into a folder of its own."""

    def save(rows: list[Row]) -> Path:
        save_tipping_points(rows, tmp_path)
        return tmp_path

    return save


def test_saved_files_hold_the_rows_and_nothing_half_written(
    saved: Callable[[list[Row]], Path],
) -> None:
    rows = [judge(2.0, 0.5), judge(2.0, 1.0)]
    folder = saved(rows)
    assert json.loads((folder / "tipping_points.json").read_text()) == rows
    with (folder / "tipping_points.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["verdict"] for line in table] == ["crosses", "undecided"]
    assert float(table[0]["tipping_point"]) == rows[0]["tipping_point"]
    assert table[1]["tipping_point"] == ""
    assert "lengths" not in table[0]
    assert sorted(path.name for path in folder.iterdir()) == [
        "tipping_points.csv",
        "tipping_points.json",
    ]


def test_without_rows_the_files_are_empty_but_readable(saved: Callable[[list[Row]], Path]) -> None:
    folder = saved([])
    assert json.loads((folder / "tipping_points.json").read_text()) == []
    assert (folder / "tipping_points.csv").read_text().startswith("modality,axis,")
