"""Sweeps that are stopped, and sweeps in which memory runs out."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.samples.places import ROOT
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config

TWO = {
    "modalities": {"text": {"variants": ["bert", "local_bert"], "lengths": [40, 72]}},
    "implementations": ["sdpa", "local_blocked"],
    "phases": ["inference"],
    "metrics": ["latency"],
    "visits": 2,
}


def start(python: str, *arguments: str) -> subprocess.Popen[str]:
    command = [python, str(ROOT / "profile.py"), *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them, and theirs, ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _wait_for_rows(out: Path, number: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "measurements.jsonl").exists() and len(rows_in(out)) >= number:
            return
        time.sleep(0.05)
    raise AssertionError("no rows came")


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_sweep_that_is_stopped_goes_on_and_doubles_nothing(
    tmp_path: Path, interpreter: Path, how: int, status: int
) -> None:
    config = write_config(tmp_path / "two.yaml", **TWO)
    out = tmp_path / "run"
    # Who is killed is a real one: the system takes down what it started.
    python = sys.executable if how == signal.SIGKILL else str(interpreter / "python")
    process = start(python, "sweep", "--config", str(config), "--out", str(out))
    _wait_for_rows(out, 3, process)
    os.kill(process.pid, how)
    process.communicate(timeout=60)
    assert process.returncode == status
    kept = rows_in(out)
    assert len(kept) >= 3
    assert len(kept) == len({(row["key"], row["visit"]) for row in kept})
    if how == signal.SIGINT:
        return
    assert sweep(config, out, reports=False)[0] == 0
    rows = rows_in(out)
    assert rows[: len(kept)] == kept
    assert len({(row["key"], row["visit"]) for row in rows}) == len(rows) == 2 * 2 * 2


def test_memory_that_runs_out_is_a_row_and_a_win_for_the_one_that_fits(tmp_path: Path) -> None:
    variants = [
        {"name": "hubert", "implementations": ["eager"]},
        {"name": "lhubert", "attention_window": 32, "implementations": ["local_blocked"]},
    ]
    config = write_config(
        tmp_path / "small.yaml",
        modalities={"speech": {"variants": variants, "lengths": [99, 6000]}},
        phases=["inference"],
        metrics=["latency"],
        memory_budget_gib=0.5,  # scores of 2 heads and 6000 frames alone take 0.27 GiB, twice
        **ONCE,
    )
    assert sweep(config, tmp_path / "run", reports=False)[0] == 0
    statuses = {
        (row["variant"], row["sequence_length"]): row["status"] for row in rows_in(tmp_path / "run")
    }
    assert statuses == {
        ("hubert", 99): "ok",
        ("lhubert", 99): "ok",
        ("hubert", 6000): "oom",
        ("lhubert", 6000): "ok",
    }
