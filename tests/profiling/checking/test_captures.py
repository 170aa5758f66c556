"""A capture that breaks spoils its process: what comes behind it is found in another one."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from profiling.checking import check as checks
from profiling.checking.check import Check
from profiling.checking.on_device import cases
from profiling.checking.on_device.cases import Case, run_cases
from profiling.checking.parts import PARTS, DeviceTask
from profiling.checking.scale import tiny
from profiling.children.outcome import Outcome
from profiling.measuring.paths import capturing, graphing
from profiling.measuring.paths.capturing import captured, is_spoilt


class Streams:
    """Streams of a GPU: a capture that breaks leaves its own one as the current one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.current = SimpleNamespace(name="the usual one", wait_stream=lambda other: None)
        self.usual = self.current
        monkeypatch.setattr(capturing, "_has_broken", False)
        for name, value in {
            "current_stream": lambda: self.current,
            "set_stream": lambda stream: setattr(self, "current", stream),
            "Stream": lambda: SimpleNamespace(wait_stream=lambda other: None),
            "stream": lambda stream: nullcontext(),
            "CUDAGraph": lambda: SimpleNamespace(replay=lambda: None),
            "graph": self.capture,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

    @contextmanager
    def capture(self, graph: object) -> Iterator[None]:
        self.current = SimpleNamespace(name="of the capture")
        yield  # nothing behind it runs where the body raises
        self.current = self.usual


def test_a_capture_that_breaks_gives_the_stream_back_and_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams, calls = Streams(monkeypatch), iter([1, 1, 1, 0])
    _, output = captured(lambda: next(calls), 1, 2)
    assert (output, is_spoilt()) == (1, False)

    def wait_for_the_host() -> None:
        if not next(calls, 1):
            return  # the warm-up
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        captured(wait_for_the_host, 1)
    assert streams.current is streams.usual
    assert is_spoilt()


def test_a_recorded_forward_pass_that_breaks_gives_the_stream_back_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams, calls = Streams(monkeypatch), []

    def wait_for_the_host(values: torch.Tensor) -> None:
        calls.append(values)
        if len(calls) > capturing.WARM_UP_CALLS:
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        graphing.record_inference(wait_for_the_host, (torch.ones(2),))  # type: ignore[arg-type]
    assert streams.current is streams.usual


def test_cases_behind_a_capture_that_broke_are_left_and_no_memory_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr(cases, "forget", forgotten.append)
    monkeypatch.setattr(capturing, "_has_broken", False)

    def break_a_capture() -> dict[str, Any]:
        monkeypatch.setattr(capturing, "_has_broken", True)
        return {"device_ms_from": "launches"}

    those: list[Case] = [("fine", dict), ("broken", break_a_capture), ("third", dict)]
    found: dict[str, Any] = {}
    for part in run_cases(those, DeviceTask(tiny(), 0, 60.0)):
        found |= part
    assert [fields and fields["status"] for fields in found.values()] == ["ok", "ok", None]
    assert forgotten == ["cpu"]
    monkeypatch.setattr(capturing, "_has_broken", False)  # as it is in another process
    rest = [*run_cases(those, DeviceTask(tiny(), 0, 60.0, frozenset({"third"})))]
    assert [[*part] for part in rest] == [["third"]]


class ChildrenOfOneCase:
    """Children of which each finds one case, and leaves the others."""

    def __init__(self) -> None:
        self.asked: list[DeviceTask] = []

    def call(self, function: str, task: DeviceTask, timeout_s: float) -> Outcome:
        self.asked.append(task)
        names = [name for name in "abc" if not task.only or name in task.only]
        fields = {"status": "ok", "error": None}
        return Outcome("ok", {name: fields if name == names[0] else None for name in names})


def test_what_a_child_leaves_is_found_by_further_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = ChildrenOfOneCase()
    monkeypatch.setattr(checks, "Children", lambda: children)
    check = Check(tiny(), tmp_path, 60.0, None, lambda out: None)
    (kernels,) = [part for part in PARTS if part.name == "kernels"]
    found = [*check._visits_of(kernels)]
    assert [(one["name"], one["status"]) for one in found] == [(name, "ok") for name in "abc"]
    assert [task.only for task in children.asked] == [set(), {"b", "c"}, {"c"}]
    ends = [task.seconds for task in children.asked]
    assert ends == sorted(ends, reverse=True)


@pytest.fixture
def _roundings() -> Iterator[None]:
    """Let products and convolutions round to TF32, and leave them as they were."""
    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = True
    yield
    for switch, value in zip(switches, before, strict=True):
        switch.allow_tf32 = value


@pytest.mark.usefixtures("_roundings")
def test_cases_compute_float32_as_sweeps_do() -> None:
    said: list[tuple[bool, bool]] = []

    def say() -> dict[str, Any]:
        said.append((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
        return {}

    assert len([*run_cases([("one", say)], DeviceTask(tiny(), 0, 60.0))]) == 1
    assert said == [(False, False)]
