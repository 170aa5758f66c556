"""Rows of a checkpoint whose model was never built do not stand apart from its others."""

from pathlib import Path
from typing import Any

from profiling.analysis.points.curves import build_curves
from profiling.rows.reading import ROWS, newest_rows, read_rows
from profiling.rows.run_directory import RunDirectory
from tests.samples.rows.comparisons import METRICS
from tests.samples.rows.runs import visits_of

BUILT = {"checkpoint": "a/model", "size": "base", "parameters": 7}
SKIPPED: dict[str, Any] = {"checkpoint": "a/model", "size": "tiny", "status": "skipped"}
ROWS_OF_ONE = [
    *visits_of([10.0], 512, **SKIPPED, **dict.fromkeys(METRICS)),
    *visits_of([20.0], 1024, **BUILT),
]


def test_a_row_without_a_model_is_on_the_curve_of_its_checkpoint() -> None:
    (curve,) = build_curves(newest_rows(ROWS_OF_ONE))
    assert curve.setting["size"] == "base"
    assert [point.length for point in curve.points] == [512, 1024]


def test_a_sweep_knows_the_size_too_and_its_file_stays_as_it_was(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as directory:
        directory.append(*ROWS_OF_ONE)
        assert [row["size"] for row in directory.rows] == ["base", "base"]
    assert '"size": "tiny"' in (tmp_path / ROWS).read_text()
    assert [row["size"] for row in read_rows(tmp_path)] == ["base", "base"]


def test_rows_of_other_models_keep_their_sizes() -> None:
    others = visits_of([10.0], 2048, **SKIPPED | {"checkpoint": "another/model"})
    plain = visits_of([10.0], 4096, size="small")
    sizes = [row["size"] for row in newest_rows([*ROWS_OF_ONE, *others, *plain])]
    assert sizes == ["base", "base", "tiny", "small"]
