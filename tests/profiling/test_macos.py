"""A sweep where the system tells as little as macOS: what is unknown is null, and said once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples.macos import SITECUSTOMIZE
from tests.samples.places import ROOT
from tests.samples.sweeps import ONCE, rows_in, write_config

UNKNOWN = ("cores", "cpu_mhz", "others_cpu_share", "peak_memory_mib", "first_step_peak_mib")
UNTOLD = (
    "`memory_budget_gib` limits nothing on a CPU",
    "this system lets no process read the peak of its memory",
)
# One process for all: importing torch takes long. Prints what `command` returns of each.
SWEEPS = """
import json
import sys

from tests.samples.sweeps import command

words, *asked = json.loads(sys.argv[1])
print(json.dumps([command("sweep", *words, *more) for more in asked]))
"""
ASKED: list[list[str]] = [[], ["--dry-run"], ["--frontier=true"]]
Answer = tuple[int, str, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the settings of a sweep."""
    folder = tmp_path_factory.mktemp("macos")
    text = {"variants": [{"name": "bert", "implementations": ["sdpa"]}], "lengths": [24]}
    write_config(folder / "a.yaml", modalities={"text": text}, breakdown=True, **ONCE)
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> list[Answer]:
    """Return what a sweep, its dry run and a frontier answer."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    path = os.pathsep.join([str(folder / "site"), str(ROOT)])
    words = [f"--config={folder / 'a.yaml'}", f"--out={folder / 'run'}"]
    done = subprocess.run(
        [sys.executable, "-c", SWEEPS, json.dumps([words, *ASKED])],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found[0][0] == 0, found[0]
    return [(status, said, complained) for status, said, complained in found]


def test_rows_are_measured_and_what_nobody_tells_is_null(
    folder: Path, answers: list[Answer]
) -> None:
    rows = rows_in(folder / "run")
    assert {row["phase"] for row in rows} == {"inference", "training"}
    for row in rows:
        assert row["status"] == "ok", row["error"]
        assert row["latency_ms"] > 0
        assert row["throughput_batch_size"] >= 1
        assert [row.get(name) for name in UNKNOWN] == [None] * len(UNKNOWN)
        assert row["disturbed"] is False


@pytest.mark.parametrize("sentence", UNTOLD)
def test_what_is_missing_is_said_once(answers: list[Answer], sentence: str) -> None:
    assert answers[0][2].count(sentence) == 1


def test_the_report_says_that_nobody_knows_of_neighbours(
    folder: Path, answers: list[Answer]
) -> None:
    said = "In 2 of 2 visits it is unknown what other processes took of the CPU"
    assert said in " ".join(answers[0][1].split())
    assert said in (folder / "run" / "report.html").read_text()


def test_a_dry_run_answers(answers: list[Answer]) -> None:
    status, said, complained = answers[1]
    assert status == 0, complained
    assert "in all 2 points" in said


def test_no_frontier_is_searched_where_nothing_limits_memory(answers: list[Answer]) -> None:
    status, _, complained = answers[2]
    assert status == 2
    (sentence,) = complained.splitlines()
    assert "`frontier` must be false on a CPU where nothing limits the memory" in sentence
