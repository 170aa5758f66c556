"""A sweep whose disk takes no more."""

import errno
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from profiling.planning.points import Point
from profiling.sweeping import group, sentinel
from tests.samples.sweeps import ONCE, rows_in, sweep, write_config


def measure_at_once(point: Point, hand_over: object = None) -> Iterator[dict[str, Any]]:
    """Measure nothing: all that counts is where a row goes."""
    latency = dict.fromkeys(("latency_ms", "latency_ms_p10", "latency_ms_p90"), 4.0)
    yield latency | {"latency_ms_samples": [4.0, 4.0], "disturbed": False}


@pytest.mark.parametrize("num_written", [0, 1, 2])
def test_a_full_disk_ends_a_sweep_in_a_sentence_and_the_same_command_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_written: int
) -> None:
    config = write_config(
        tmp_path / "small.yaml",
        modalities={"text": {"variants": ["bert", "local_bert"], "lengths": [40]}},
        implementations=["sdpa", "local_blocked"],
        phases=["inference"],
        metrics=["latency"],
        **ONCE,
    )
    for module in (group, sentinel):
        monkeypatch.setattr(module, "SPEED", f"{__name__}:{measure_at_once.__name__}")
    out, write, numbers = tmp_path / "run", os.fsync, count()

    def write_until_it_is_full(file: int) -> None:
        if next(numbers) >= num_written:  # a reading of the sentinel, the rows, another reading
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", write_until_it_is_full)
        status, _, complained = sweep(config, out)
    assert status == 2
    assert "Traceback" not in complained
    (said,) = [line for line in complained.splitlines() if line.startswith("error:")]
    assert said.startswith(f"error: `out` must be a folder to write to, got {out}: ")
    assert said.endswith("No space left on device")
    assert sweep(config, out, reports=False)[0] == 0
    rows = rows_in(out)
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert len({row["key"] for row in rows}) == 2
