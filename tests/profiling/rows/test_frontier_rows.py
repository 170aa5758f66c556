"""What is read of the frontier's file, and what is left out of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from profiling.rows.frontier import FRONTIER, frontier_rows
from profiling.rows.run_directory import RunDirectory


def search(key: str, **fields: Any) -> dict[str, Any]:
    tried = {"value": 8, "peak_memory_mib": 50.5, "outcome": "ok", "seconds": 1.0}
    row = {
        "key": key,
        "status": "ok",
        "modality": "text",
        "variant": "bert",
        "implementation": "sdpa",
        "phase": "training",
        "searched": "batch_size",
        "feasible": 8,
        "infeasible": 9,
        "limited_by": "memory",
        "tries": [tried, {"value": 9, "peak_memory_mib": None, "outcome": "oom"}],
    }
    return row | fields


def test_a_run_without_a_frontier_has_no_rows(tmp_path: Path) -> None:
    assert frontier_rows(tmp_path) == []


def test_the_last_row_of_a_search_counts_and_columns_that_it_lacks_are_there(
    tmp_path: Path,
) -> None:
    with RunDirectory(tmp_path) as run:
        for row in (search("a", status="error", limited_by=None), search("b"), search("a")):
            run.append_search(row)
    rows = frontier_rows(tmp_path)
    assert [(row["key"], row["status"]) for row in rows] == [("b", "ok"), ("a", "ok")]
    assert rows[0]["attention_window"] is None
    assert rows[0]["batch_size"] == 1


def test_a_fresh_sweep_forgets_them(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        run.append_search(search("a"))
    with RunDirectory(tmp_path, fresh=True) as run:
        run.begin()
        assert frontier_rows(tmp_path) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"searched": "size"}, "`searched` must be one of batch_size, sequence_length, input_size"),
        ({"limited_by": "fate"}, "`limited_by` must be one of memory, positions, cap, time, None"),
        ({"feasible": "many"}, "`feasible` must be a number"),
        ({"frontier_seconds": "long"}, "`frontier_seconds` must be a number"),
        ({"feasible": float("nan")}, "`feasible` must be a number"),
        ({"feasible": 10**400}, "`feasible` must be a number"),
        ({"feasible": -1}, "`feasible` must be a whole number above zero"),
        ({"sequence_length": -3}, "`sequence_length` must be a whole number above zero"),
        ({"sequence_length": "long"}, "`sequence_length` must be of type int, got 'long'"),
        ({"checkpoint": 5}, "`checkpoint` must be of type str, got 5"),
        ({"phase": "dreaming"}, "`phase` must be one of inference, training"),
        ({"peak_memory_mib": float("nan")}, "`peak_memory_mib` must be a number"),
        ({"variant": None}, "`variant` must be a text"),
        ({"tries": [{"value": 3}]}, "`tries` must be a list of maps"),
    ],
)
def test_a_damaged_line_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, Any], said: str
) -> None:
    lines = [json.dumps(search("a")), json.dumps(search("b", **wrong)), '{"key": "torn']
    (tmp_path / FRONTIER).write_text("\n".join(lines))
    assert [row["key"] for row in frontier_rows(tmp_path)] == ["a"]
    assert said in capsys.readouterr().err
