"""What the callback says of a run of several processes."""

import json
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from profiling.callback import ProfilingCallback
from tests.samples.fitting import TinyTokens, fit, tokens


def train_in_two(folder: Path) -> None:
    callback = ProfilingCallback(1, 0, output=str(folder / "rows.jsonl"))
    two = {"devices": 2, "strategy": "ddp_fork", "use_distributed_sampler": False}
    fit(TinyTokens(), [tokens(3, 5)] * 2, folder, callbacks=[callback], **two)


def test_a_row_is_that_of_one_process_and_says_how_many_there_are(
    server: ForkServerContext, tmp_path: Path
) -> None:
    child = server.Process(target=train_in_two, args=(tmp_path,))
    child.start()
    child.join(1200)  # it takes seconds: only one that hangs takes so long
    assert child.exitcode == 0
    (row,) = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert (row["processes"], row["batch_size"], len(row["latency_ms_samples"])) == (2, 3, 2)
    assert row["throughput_samples_per_s"] == pytest.approx(3e3 / row["latency_ms"])


def test_alone_a_process_is_the_only_one(tmp_path: Path) -> None:
    callback = ProfilingCallback(1, 0)
    fit(TinyTokens(), [tokens(3, 5)], tmp_path, callbacks=[callback])
    assert [row["processes"] for row in callback.rows()] == [1]
