"""Sizes of batches: whole numbers of any library, and none where nobody knows the batch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from profiling.callback import ProfilingCallback
from profiling.instruments.batch_shapes import UNKNOWN, BatchShape
from tests.samples.fitting import TinyTokens, fit, predict, tokens


def said_to_be_left_out(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "leaves out" in one.getMessage()]


@pytest.mark.parametrize("number", [np.int64, np.uint8, torch.tensor, int])
def test_sizes_of_any_library_make_one_row_of_a_file(number: Any, tmp_path: Path) -> None:
    def shape_of(batch: Any) -> BatchShape:
        samples, length = batch["input_ids"].shape
        return BatchShape(number(samples), number(length))

    output = tmp_path / "rows.jsonl"
    callback = ProfilingCallback(1, 0, output=str(output), shape_of=shape_of)
    fit(TinyTokens(), [tokens(2, 5)] * 3, tmp_path, callbacks=[callback])
    (row,) = [json.loads(line) for line in output.read_text().splitlines()]
    assert (row["batch_size"], row["sequence_length"]) == (2, 5)
    assert len(row["latency_ms_samples"]) == 3


@pytest.mark.parametrize("size", [2.0, np.float32(5), torch.tensor(5.0), torch.ones(2).long(), 0])
def test_what_is_no_size_is_said_at_the_first_measured_step(
    size: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said_by_step: list[int] = []

    class Listens(TinyTokens):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            said_by_step.append(len(said_to_be_left_out(caplog)))
            return self.loss(batch)

    output = tmp_path / "rows.jsonl"
    callback = ProfilingCallback(
        1, 1, output=str(output), shape_of=lambda batch: BatchShape(2, size)
    )
    fit(Listens(), [tokens(2, 5)] * 4, tmp_path, callbacks=[callback])
    assert said_by_step == [0, 1, 1, 1]
    (said,) = said_to_be_left_out(caplog)
    assert "`shape_of` must give whole numbers from 1 or None, got" in said
    (row,) = [json.loads(line) for line in output.read_text().splitlines()]
    assert row["batch_size"] is row["sequence_length"] is None
    assert len(row["latency_ms_samples"]) == 3


class Fetches(TinyTokens):
    """Takes its batches itself, as Lightning offers it."""

    def training_step(self, dataloader_iter: Iterator[Any]) -> Any:  # type: ignore[override]
        return self.loss(next(dataloader_iter)[0])

    def predict_step(self, dataloader_iter: Iterator[Any]) -> Any:  # type: ignore[override]
        return self.loss(next(dataloader_iter)[0])


def test_a_step_that_fetches_its_batch_has_no_length_rather_than_that_of_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    callback = ProfilingCallback(1, 0)
    batches = [tokens(2, length) for length in (5, 50, 500)]
    fit(Fetches(), batches, tmp_path, callbacks=[callback])
    assert [sample.shape for sample in callback.samples] == [UNKNOWN] * 3
    predict(Fetches(), batches, tmp_path, callbacks=[callback])
    assert {sample.shape for sample in callback.samples} == {UNKNOWN}
    (said,) = said_to_be_left_out(caplog)
    assert "`dataloader_iter`" in said
    fit(TinyTokens(), batches, tmp_path, callbacks=[callback])
    lengths = [s.shape.sequence_length for s in callback.samples if s.phase == "training"]
    assert lengths == [5, 50, 500]
