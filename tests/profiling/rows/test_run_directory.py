import json
from pathlib import Path

import pytest

from profiling.errors import SettingsError
from profiling.rows.run_directory import ROWS, RunDirectory, read_manifest, read_rows


def _row(key: str, visit: int = 0, status: str = "ok") -> dict[str, object]:
    names = {"modality": "text", "variant": "bert", "implementation": "sdpa", "phase": "training"}
    return {"key": key, "visit": visit, "status": status, **names}


def test_rows_survive_closing_and_opening(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as run:
        run.append(_row("a"))
        run.append(_row("a", visit=1))
    with RunDirectory(tmp_path / "run") as run:
        assert [(row["key"], row["visit"]) for row in run.rows] == [("a", 0), ("a", 1)]


def test_a_torn_last_line_is_dropped_and_the_next_row_is_whole(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        run.append(_row("a"))
    with (tmp_path / ROWS).open("a") as file:
        file.write('{"key": "b", "visi')
    with RunDirectory(tmp_path) as run:
        assert [row["key"] for row in run.rows] == ["a"]
        run.append(_row("c"))
    assert [row["key"] for row in read_rows(tmp_path)] == ["a", "c"]


def test_reading_ignores_a_torn_last_line_without_changing_the_file(tmp_path: Path) -> None:
    content = json.dumps(_row("a")) + '\n{"key"'
    (tmp_path / ROWS).write_text(content)
    assert [row["key"] for row in read_rows(tmp_path)] == ["a"]
    assert (tmp_path / ROWS).read_text() == content


def test_a_retried_visit_counts_once_with_its_last_row(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        run.append(_row("a", status="error"))
        run.append(_row("a", status="ok"))
        assert [row["status"] for row in run.rows] == ["ok"]
    assert [row["status"] for row in read_rows(tmp_path)] == ["ok"]


def test_a_retried_visit_takes_its_last_place(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        for key, status in (("a", "error"), ("b", "ok"), ("a", "ok")):
            run.append(_row(key, status=status))
        assert run.rows == read_rows(tmp_path)
    assert [row["key"] for row in read_rows(tmp_path)] == ["b", "a"]


@pytest.mark.parametrize("lacking", ["key", "visit", "status", "modality", "variant", "phase"])
def test_a_row_without_a_name_is_damaged(tmp_path: Path, lacking: str) -> None:
    row = _row("a")
    del row[lacking]
    (tmp_path / ROWS).write_text(json.dumps(row) + "\n")
    with pytest.raises(SettingsError, match="line 1 must be a measurement"):
        read_rows(tmp_path)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / ROWS).write_text(
        json.dumps(_row("a")) + "\nnot json\n" + json.dumps(_row("b")) + "\n"
    )
    with pytest.raises(SettingsError, match="line 2"):
        read_rows(tmp_path)


def test_a_directory_without_measurements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be a run directory"):
        read_rows(tmp_path / "nowhere")


def test_two_sweeps_cannot_share_a_directory(tmp_path: Path) -> None:
    with RunDirectory(tmp_path), pytest.raises(SettingsError, match="in use"):
        RunDirectory(tmp_path)
    with RunDirectory(tmp_path):
        pass


def test_fresh_forgets_what_a_sweep_wrote_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with RunDirectory(tmp_path) as run:
        run.append(_row("a"))
        run.write_manifest({"seed": 1})
    (tmp_path / "figures").mkdir()
    with RunDirectory(tmp_path, fresh=True) as run:
        assert run.rows == []
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    assert not (tmp_path / "figures").exists()
    assert read_manifest(tmp_path) == {}


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(SettingsError, match="manifest.json"):
        read_manifest(tmp_path)
