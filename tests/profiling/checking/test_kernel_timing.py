"""What the times of kernels are of: the device alone, or the host that launches as well."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch.nn.attention import SDPBackend, sdpa_kernel

from profiling.checking import figures
from profiling.checking.on_device import card, kernels, models, replay, timing
from profiling.checking.on_device.timing import time_run, wake
from profiling.checking.parts import DeviceTask
from profiling.checking.scale import tiny
from profiling.planning.requests import WARM_UP_S


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_dense_kernel_is_chosen_once_for_all_calls(
    phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[Any] = []

    def noting(backend: Any) -> Any:
        chosen.append(backend)
        return sdpa_kernel(backend)

    monkeypatch.setattr(kernels, "sdpa_kernel", noting)
    found = kernels._timed(tiny(), 64, "float32", phase, "flash", None)
    assert found["samples"] >= 3
    assert chosen == [SDPBackend.FLASH_ATTENTION]
    kernels._timed(tiny(), 64, "float32", phase, "local_blocked", 16)
    assert len(chosen) == 1


class Gpu:
    """A device whose clock counts the calls of what it is given to time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, captures: bool) -> None:
        self.launched = self.replayed = self.together = 0
        self.captures = captures
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        monkeypatch.setattr(timing, "captured", self.capture)
        monkeypatch.setattr(timing, "device_ms", self.time)

    def launch(self) -> None:
        self.launched += 1

    def capture(self, run: Callable[[], Any], warm_up: int, together: int) -> tuple[Any, None]:
        if not self.captures:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.together = together

        def replay() -> None:
            self.replayed += together

        return replay, None

    def time(self, run: Callable[[], Any], device: str, calls: int) -> float:
        before = self.launched, self.replayed
        for _ in range(calls):
            run()
        # A launched call takes the host 5 ms, a replayed one the device 1 ms.
        return (5.0 * (self.launched - before[0]) + self.replayed - before[1]) / calls


def test_the_device_is_timed_in_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(monkeypatch, captures=True)
    found = time_run(gpu.launch, "cuda", 0.01)
    assert (found["device_ms"], found["device_ms_from"]) == (1.0, "replays")
    assert gpu.together > 1


def test_what_cannot_be_captured_is_launched_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(monkeypatch, captures=False)
    found = time_run(gpu.launch, "cuda", 0.01)
    assert (found["device_ms"], found["device_ms_from"]) == (5.0, "launches")


def test_on_a_cpu_there_is_no_time_of_a_device() -> None:
    found = time_run(lambda: None, "cpu", 0.001)
    assert (found["device_ms"], found["device_ms_from"]) == (None, None)


def test_a_curve_says_where_the_host_is_in_it() -> None:
    row = {"kernel": "flash", "attention_window": None, "device_ms": 1.0, "wall_ms": 2.0}
    rows = [
        row | {"sequence_length": 64, "device_ms_from": "launches"},
        row | {"sequence_length": 128, "device_ms_from": "replays"},
    ]
    axes = Figure().subplots()
    figures._draw(axes, rows)
    legend = axes.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["flash", "flash, with its host"]


def test_a_gpu_is_kept_at_work_until_its_clock_has_risen(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, matrix = [0.0], torch.ones(2, 2)

    def work(*_: Any) -> None:
        seconds[0] += 0.01

    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: seconds[0]))
    monkeypatch.setattr(torch, "randn", lambda *_, **__: matrix)
    monkeypatch.setattr(torch, "mm", work)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    wake("cpu")
    assert seconds == [0.0]
    wake("cuda")
    assert seconds[0] >= WARM_UP_S["cuda"]


@pytest.mark.parametrize("part", [card.look, kernels.time, replay.race])
def test_what_times_wakes_the_device_first(part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    for module in (card, kernels, replay):
        monkeypatch.setattr(module, "wake", woken.append)
    next(part(DeviceTask(tiny(), 0, 60.0)))
    assert woken == ["cpu"]


def test_models_are_built_where_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[torch.device] = []

    def build(*_: Any) -> torch.nn.Module:
        places.append(torch.get_default_device())
        return torch.nn.Linear(1, 1)

    monkeypatch.setattr(models, "build_speech_model", build)
    models.build_speech(replace(tiny(), device="meta"), "hubert", "sdpa")
    assert places == [torch.device("meta")]
