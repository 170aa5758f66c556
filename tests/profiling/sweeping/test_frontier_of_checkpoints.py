"""What a search of the frontier says of its model and its data, and what a report shows of it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from profiling.children.crew import Children
from profiling.children.outcome import Outcome
from profiling.cli import main
from profiling.planning.frontier import BATCH, Search
from profiling.planning.points import Point
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.rows.current import name_state
from profiling.rows.frontier import FRONTIER, frontier_rows
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping import frontier_pass
from profiling.sweeping.frontier_pass import FrontierPass
from profiling.sweeping.progress import Progress
from tests.samples.rows.runs import write_run
from tests.samples.variants.points import points_of

CHECKPOINT = {"name": "bert", "implementations": ["sdpa"], "checkpoint": "a/model"}


class BaseModel(Children):
    """Children that build a model of the published size, of which few samples fit, or none."""

    def __init__(self, most: int) -> None:
        self.most = most

    def call(self, function: str, task: Any, timeout_s: float | None) -> Outcome:
        built = {"size": "base", "parameters": 7}
        if task.batch_size > self.most:
            return Outcome("oom", built)
        return Outcome("ok", built | {"fitting_peak_mib": 10.0 * task.batch_size})


def point_of(**fields: Any) -> Point:
    return replace(points_of("text", [64], [CHECKPOINT])[0], **fields)


@pytest.mark.parametrize("most", [9, 0])
def test_a_search_of_a_checkpoint_has_the_size_of_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(frontier_pass, "free_memory_gib", lambda: None)
    search = Search(point_of(), BATCH)
    with RunDirectory(tmp_path) as run:
        found = FrontierPass([search], run, BaseModel(most), 10, 100)
        found.measure(Progress())
        assert found.missing() == []
    (row,) = frontier_rows(tmp_path)
    assert (row["feasible"], row["size"], row["key"]) == (most or None, "base", search.key)


def test_a_report_shows_the_longest_input_of_real_data_and_of_a_checkpoint_under_its_size(
    tmp_path: Path,
) -> None:
    point = point_of(batch_source="real", fingerprint="f")
    measured = row_of(Visit(point, 0)) | {"latency_ms": 3.0, "size": "base", "parameters": 7}
    searches = [
        Search(point, searched).columns
        | {"key": searched, "status": "ok", "tries": [], "limited_by": "memory"}
        | {"feasible": 4321, "infeasible": 4400}
        for searched in (BATCH, "sequence_length")
    ]
    assert {row["size"] for row in searches} == {"tiny"}  # as earlier sweeps have left them
    out = write_run(tmp_path / "run", [measured], states={"text": name_state(point.columns)})
    (out / FRONTIER).write_text("".join(json.dumps(row) + "\n" for row in searches))
    assert main(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    headings = re.findall(r"What fits into memory: text <small>(.*?)</small>", page)
    assert len(headings) == 2
    assert all(heading.startswith("base") for heading in headings)
    assert re.search(r"<td>4,321 .*?</td>", page)
