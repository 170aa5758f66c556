"""Steps on an accelerator that is neither a CPU nor CUDA, and computes after the host went on."""

import logging
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from profiling.callback import ProfilingCallback
from profiling.instruments.memory import supports_peak
from tests.samples.fitting import TinyTokens, fit, predict, tokens

MPS = torch.device("mps")
BEFORE_S, WORK_S = 0.001, 0.02


class Queue:
    """The work of a device, done when somebody waits for it."""

    def __init__(self) -> None:
        self.enqueued_s = 0.0
        self.waited_s: list[float] = []

    def wait(self, device: torch.device) -> None:
        assert device == MPS
        time.sleep(self.enqueued_s)
        self.waited_s.append(self.enqueued_s)
        self.enqueued_s = 0.0


class OnMps(TinyTokens):
    """Says that it is there; between its steps something else is enqueued, too."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self.queue = queue

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return MPS

    def loss(self, batch: Any) -> torch.Tensor:
        self.queue.enqueued_s += WORK_S
        return super().loss(batch)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.queue.enqueued_s += BEFORE_S

    def on_predict_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.queue.enqueued_s += BEFORE_S


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_, **__: MPS)
    monkeypatch.setattr(torch.accelerator, "synchronize", queue.wait)
    return queue


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_training_step_lasts_until_the_device_has_done_its_work(
    accumulated: int, queue: Queue, tmp_path: Path
) -> None:
    callback = ProfilingCallback(1, 0)
    given = {"callbacks": [callback], "accumulate_grad_batches": accumulated}
    fit(OnMps(queue), [tokens(2, 5)] * 4, tmp_path, **given)
    kinds = {sample.step_kind for sample in callback.samples}
    assert kinds == ({"stepped", "accumulated"} if accumulated == 2 else {"stepped"})
    assert min(sample.latency_ms for sample in callback.samples) >= WORK_S * 1e3
    assert queue.waited_s == pytest.approx([BEFORE_S, WORK_S] * 4)


def test_a_prediction_lasts_until_the_device_has_done_its_work(
    queue: Queue, tmp_path: Path
) -> None:
    callback = ProfilingCallback(1, 0)
    predict(OnMps(queue), [tokens(2, 5)] * 3, tmp_path, callbacks=[callback])
    assert min(sample.latency_ms for sample in callback.samples) >= WORK_S * 1e3
    assert queue.waited_s == pytest.approx([BEFORE_S, WORK_S] * 3)


def test_what_such_a_device_does_not_tell_is_null(queue: Queue, tmp_path: Path) -> None:
    callback = ProfilingCallback(1, 0)
    fit(OnMps(queue), [tokens(2, 5)] * 2, tmp_path, callbacks=[callback])
    (row,) = callback.rows()
    unknown = ("forward_ms", "backward_ms", "optimizer_ms", "peak_memory_mib", "allocator")
    assert [row[name] for name in unknown] == [None] * 5
    assert row["throughput_samples_per_s"] == pytest.approx(2e3 / row["latency_ms"])


@pytest.mark.parametrize("device", ["mps", "xpu"])
def test_the_memory_of_the_host_is_not_that_of_such_a_device(device: str) -> None:
    assert not supports_peak(device)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "leaves out" in record.msg]


def test_steps_there_are_not_broken_down_and_that_is_said_once(
    queue: Queue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    callback = ProfilingCallback(1, 0, breakdown=True)
    with caplog.at_level(logging.WARNING):
        fit(OnMps(queue), [tokens(2, 5)] * 4, tmp_path, callbacks=[callback])
        predict(OnMps(queue), [tokens(2, 5)] * 4, tmp_path, callbacks=[callback])
    (said,) = warnings_of(caplog)
    assert said.endswith("components: a step on mps cannot be broken down, only on cpu and cuda")
    assert len(callback.samples) == 8
    assert [row["components"] for row in callback.rows()] == [None, None]


def test_a_device_that_nobody_can_wait_for_is_not_measured_and_ends_no_run(
    queue: Queue, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_, **__: None)
    callback = ProfilingCallback(1, 0)
    with caplog.at_level(logging.WARNING):
        trainer = fit(OnMps(queue), [tokens(2, 5)] * 3, tmp_path, callbacks=[callback])
    assert trainer.global_step == 3
    assert callback.samples == []
    (said,) = warnings_of(caplog)
    assert said.endswith("all steps of this run: torch cannot wait for the work of mps")
