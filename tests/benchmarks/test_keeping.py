"""Where benchmarks keep what they found: in the folder of `--out`, and then nowhere else."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.answers import coverage, refinement
from benchmarks.answers.simulated.truths import TRUTHS
from benchmarks.inputs import damaged_files
from benchmarks.inputs.damaged_kinds import KINDS
from benchmarks.keeping import RESULTS
from benchmarks.measuring import steadiness, turns
from benchmarks.training import gpu_hours
from profiling.rows.machine import cpu_name

# Each with what it takes at least, and the file of its results.
CASES = [
    (coverage, "draws", 1, "coverage.json"),
    (refinement, "draws", 1, "refinement.json"),
    (steadiness, "rounds", 1, "steadiness.json"),
    (turns, "visits", 2, "turns.md"),
    (damaged_files, "files", 1, "damaged_files.json"),
    (gpu_hours, "gpus", 1, "gpu_hours.json"),
]


def kept(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


@pytest.fixture(autouse=True)
def _nothing_takes_long(monkeypatch):
    """Let the benchmarks find what was found before, or nearly nothing."""
    chance, cells = np.random.default_rng(0), kept("coverage")
    monkeypatch.setattr(
        coverage, "measure", lambda _: {name: cells[name] for name in cells if name != "about"}
    )
    monkeypatch.setattr(refinement, "NOISES", refinement.NOISES[:1])
    monkeypatch.setattr(refinement, "TRUTHS", {"log-linear": TRUTHS["log-linear"]})
    monkeypatch.setattr(steadiness, "measure", lambda _: kept("steadiness")["items"])
    monkeypatch.setattr(turns, "Children", lambda: SimpleNamespace(ask=lambda *_: None))
    monkeypatch.setattr(turns, "visit", lambda *_: (float(chance.normal()), 0.0))
    monkeypatch.setattr(damaged_files, "KINDS", KINDS[:1])
    monkeypatch.setattr(gpu_hours, "count_all", lambda: kept("gpu_hours"))


@pytest.mark.parametrize(("benchmark", "amount", "least", "file"), CASES)
def test_results_go_where_the_user_says(benchmark, amount, least, file, tmp_path):
    ours = [*RESULTS.iterdir(), gpu_hours.PAGE]
    before = [path.stat().st_mtime_ns for path in ours]
    assert benchmark.main([f"--{amount}={least}", f"--out={tmp_path}/new"]) == 0
    assert (tmp_path / "new" / file).exists()
    for table in (tmp_path / "new").glob("*.md"):
        assert cpu_name() in table.read_text()  # without `--about` too
        assert "Made by the code of commit " in table.read_text()
    assert [path.stat().st_mtime_ns for path in ours] == before


@pytest.mark.parametrize(("benchmark", "amount", "least", "file"), CASES)
def test_too_few_of_anything_are_refused_in_one_sentence(
    benchmark, amount, least, file, tmp_path, capsys
):
    assert benchmark.main([f"--{amount}={least - 1}", f"--out={tmp_path}"]) == 2
    assert f"`{amount}` must be at least {least}, got {least - 1}" in capsys.readouterr().err
    assert not (tmp_path / file).exists()


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_measured(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(refinement, "cell", pytest.fail)
    with pytest.raises(SystemExit, match="2"):
        refinement.main([f"--out={tmp_path}/file"])
    assert "must be a folder" in capsys.readouterr().err
