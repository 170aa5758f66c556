"""Two parts of a sweep at once, in one run directory."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.samples.places import ROOT
from tests.samples.sweeps import rows_in, sweep, write_config

TWO = {"text": {"variants": ["bert", "local_bert"], "lengths": [40, 72]}}
# Per length: bert's eager and sdpa, local_bert's local_masked and local_blocked.
POINTS, VISITS = 4 * 2, 2
ONE_PHASE = ["--phases", "[inference]"]


def start(
    config: Path, out: Path, shard: str, interpreter: Path, *more: str
) -> subprocess.Popen[str]:
    settings = ["--config", str(config), "--out", str(out), "--shard", shard, *more]
    command = [str(interpreter / "python"), str(ROOT / "profile.py"), "sweep", *settings]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    return write_config(
        folder / "two.yaml", modalities=TWO, metrics=["latency"], visits=VISITS, threads=1
    )


def wait_for_rows(out: Path) -> None:
    deadline = time.monotonic() + 120
    while not (out / "measurements.jsonl").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_shards_side_by_side_lose_and_double_nothing(
    config: Path, tmp_path: Path, interpreter: Path
) -> None:
    out = tmp_path / "run"
    started = [start(config, out, shard, interpreter, *ONE_PHASE) for shard in ("1/2", "2/2")]
    said = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    rows = rows_in(out)
    assert {row["error"] for row in rows} == {None}
    assert len(rows) == len({(row["key"], row["visit"]) for row in rows}) == POINTS * VISITS
    assert json.loads((out / "manifest.json").read_text())["shards"] == [[1, 2], [2, 2]]
    assert any("Report:" in answer for answer, _ in said)
    found = json.loads((out / "tipping_points.json").read_text())
    assert {item["length"] for row in found for item in row["lengths"]} == {40, 72}
    page = out / "report.html"
    assert page.stat().st_mtime >= (out / "measurements.jsonl").stat().st_mtime
    before = (out / "measurements.jsonl").read_bytes()
    assert sweep(config, out, *ONE_PHASE)[0] == 0
    assert (out / "measurements.jsonl").read_bytes() == before


def test_a_shard_that_runs_refuses_what_it_would_share_points_with(
    config: Path, tmp_path: Path, interpreter: Path
) -> None:
    # So long that it still runs when the others have been refused.
    running = start(config, tmp_path, "1/2", interpreter, "--visits", "9")
    try:
        wait_for_rows(tmp_path)
        for more in (["--shard", "1/2"], ["--shard", "1/3"], [], ["--fresh", "true"]):
            status, _, complained = sweep(config, tmp_path, *more)
            assert status == 2
            assert "is in use by another sweep, of `shard` 1/2" in complained
        status, _, complained = sweep(config, tmp_path, "--shard", "2/2", "--fresh", "true")
        assert status == 2
        assert "`fresh` must not be given with `shard`" in complained
        before = rows_in(tmp_path)
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=300)
    assert running.returncode == 130
    assert rows_in(tmp_path)[: len(before)] == before


def test_a_shard_without_points_says_so(config: Path, tmp_path: Path) -> None:
    status, said, _ = sweep(config, tmp_path, "--shard", "9/9")
    assert status == 0
    assert said == (
        "Shard 9/9 has nothing to measure: there are fewer groups of points than shards.\n"
    )


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/", "²/³", "-1/2"])
def test_what_is_no_shard_is_named(config: Path, tmp_path: Path, shard: str) -> None:
    status, _, complained = sweep(config, tmp_path, f"--shard={shard}")
    assert status == 2
    assert f"`shard` must be i/n with i from 1 to n, got {shard}" in complained
