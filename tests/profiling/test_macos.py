"""A sweep where the system tells as little as macOS: what is unknown is null, and said once."""

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


def profile(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `profile.py sweep` there on the configuration that is in the folder."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    path = os.pathsep.join([str(folder / "site"), str(ROOT)])
    command = [sys.executable, str(ROOT / "profile.py"), "sweep", f"--config={folder / 'a.yaml'}"]
    return subprocess.run(
        [*command, f"--out={folder / 'run'}", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Return the folder of a sweep, what it said and what it complained of."""
    folder = tmp_path_factory.mktemp("macos")
    text = {"variants": [{"name": "bert", "implementations": ["sdpa"]}], "lengths": [24]}
    write_config(folder / "a.yaml", modalities={"text": text}, breakdown=True, **ONCE)
    done = profile(folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, done.stderr


def test_rows_are_measured_and_what_nobody_tells_is_null(swept: tuple[Path, str, str]) -> None:
    rows = rows_in(swept[0] / "run")
    assert {row["phase"] for row in rows} == {"inference", "training"}
    for row in rows:
        assert row["status"] == "ok", row["error"]
        assert row["latency_ms"] > 0
        assert row["throughput_batch_size"] >= 1
        assert [row.get(name) for name in UNKNOWN] == [None] * len(UNKNOWN)
        assert row["disturbed"] is False


@pytest.mark.parametrize("sentence", UNTOLD)
def test_what_is_missing_is_said_once(swept: tuple[Path, str, str], sentence: str) -> None:
    assert swept[2].count(sentence) == 1


def test_the_report_says_that_nobody_knows_of_neighbours(swept: tuple[Path, str, str]) -> None:
    said = "In 2 of 2 visits the system did not tell what other processes took"
    assert said in " ".join(swept[1].split())
    assert said in (swept[0] / "run" / "report.html").read_text()


def test_a_dry_run_answers(swept: tuple[Path, str, str]) -> None:
    done = profile(swept[0], "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "in all 2 points" in done.stdout


def test_no_frontier_is_searched_where_nothing_limits_memory(
    swept: tuple[Path, str, str],
) -> None:
    done = profile(swept[0], "--frontier=true")
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert "`frontier` must be false on a CPU where nothing limits the memory" in sentence
