"""What products of matrices keep of a GPU's memory, by a GPU that only counts."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator

from profiling.instruments.memory import MIB
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.steps import surroundings
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.memory_of_steps import MemoryOfSteps, Workspace
from profiling.measuring.steps.stretch import TimedStretch
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of

WORKSPACE = 8 * MIB


def point_of(phase: str) -> Point:
    points = points_of("text", [24], [{"name": "bert", "implementations": ["sdpa"]}])
    conditions = replace(CONDITIONS, allocator="system")
    return replace(next(p for p in points if p.phase == phase), conditions=conditions)


class Device:
    """A GPU that holds nothing but a workspace, from the first product on until it is cleared."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held = 0
        for name, answer in {
            "synchronize": lambda: None,
            "memory_allocated": lambda: self.held,
            "max_memory_allocated": lambda: self.held,
            "reset_peak_memory_stats": lambda: None,
        }.items():
            monkeypatch.setattr(torch.cuda, name, answer)
        monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", self.clear, raising=False)

    def multiply(self, *_: Any) -> None:
        self.held = WORKSPACE

    def clear(self, *_: Any) -> None:
        self.held = 0


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_it_is_read_before_the_trainer_gives_it_back(
    phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(monkeypatch)
    # As Lightning ends every run on a GPU.
    monkeypatch.setattr(CPUAccelerator, "teardown", device.clear)
    point = point_of(phase)
    batch = batch_of(point, 1)
    memory = MemoryOfSteps(replace(point, conditions=replace(point.conditions, device="cuda")))
    module = build_point(point)
    module.register_forward_hook(device.multiply)
    checks = memory.before(ActivePathCheck(point, batch))
    samples = run_steps(module, point, batch, Effort(1, 1, 0.0), checks, memory.peak)
    assert memory.fields(samples)["workspace_mib"] == WORKSPACE / MIB
    assert device.held == 0


def test_on_a_cpu_there_is_none() -> None:
    workspace = Workspace("cpu")
    workspace.on_predict_end()
    assert workspace.mib is None


def test_memory_in_use_after_the_steps_is_looked_at_before_any_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[Any] = []
    point = point_of("inference")

    def noting(*given: Any) -> list[Any]:
        called.extend(given[4])
        return []

    monkeypatch.setattr(surroundings, "run_steps", noting)
    batch = batch_of(point, 1)
    checks = MemoryOfSteps(point).before(ActivePathCheck(point, batch))
    Surroundings(point).time_steps(build_point(point), point, batch, Effort(1, 1, 0.0), checks)
    kinds = [type(callback) for callback in called]
    assert kinds.index(TimedStretch) < kinds.index(Workspace)
