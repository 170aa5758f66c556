"""What a recorded model holds of a GPU's memory, by an allocator that counts as a GPU's does."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor

from profiling.instruments.batch_shapes import UNKNOWN
from profiling.instruments.memory import MIB
from profiling.instruments.steps import Sample
from profiling.measuring.paths import graphing
from profiling.measuring.paths.graphing import graph_module, held_by_recordings_mib
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.first_step import FirstStep
from profiling.measuring.steps.memory_of_steps import with_held
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.requests import Effort
from tests.samples.variants.points import points_of

WEIGHTS, ACTIVATIONS, OUTPUT, TRIED = 10, 100, 4, 500  # MiB
KEPT, GRADIENTS = 60, 30  # of a model that is trained


class Allocator:
    """Counts MiB that are taken, and the most of them since the peak was reset."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.peak = 0
        self.records = False
        for name, answer in {
            "is_available": lambda: True,
            "is_current_stream_capturing": lambda: self.records,
            "memory_allocated": lambda: self.now * MIB,
            "max_memory_allocated": lambda: self.peak * MIB,
            "reset_peak_memory_stats": self._reset,
        }.items():
            monkeypatch.setattr(torch.cuda, name, answer)

    def take(self, mib: int) -> None:
        self.now += mib
        self.peak = max(self.peak, self.now)

    def _reset(self) -> None:
        self.peak = self.now


class Model(lightning.LightningModule):
    """Takes memory for its activations as long as it computes, and for its output."""

    def __init__(self, memory: Allocator) -> None:
        super().__init__()
        self.memory = memory
        memory.take(WEIGHTS)

    def forward(self, *, values: Tensor) -> Tensor:
        self.memory.take(ACTIVATIONS)
        self.memory.take(OUTPUT)
        self.memory.take(-ACTIVATIONS)
        return values


def record(by_place: Any, tensors: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Record as torch does: the passes before are called, that of the recording is captured."""
    memory = by_place.module.memory
    memory.take(TRIED)  # a library that looks for its fastest kernel
    memory.take(-TRIED)
    memory.records = True
    output: Tensor = by_place(*tensors)
    memory.records = False
    return lambda *_: output


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model that was recorded and then replayed."""
    for kind in ("inference", "training"):
        monkeypatch.setattr(graphing, f"record_{kind}", record)
    model = Model(Allocator(monkeypatch))
    graph_module(model)
    for _ in range(2):
        model(values=torch.ones(2))
    return model


def test_a_recording_holds_what_its_pass_took_and_not_what_was_tried_before(
    replayed: Model,
) -> None:
    assert held_by_recordings_mib(replayed) == ACTIVATIONS
    # What is read from then on is that of replays, which take nothing.
    assert replayed.memory.peak == WEIGHTS + OUTPUT


def test_recordings_of_several_inputs_hold_as_much_each(replayed: Model) -> None:
    with torch.no_grad():
        replayed(values=torch.ones(3))
    assert held_by_recordings_mib(replayed) == 2 * ACTIVATIONS


def test_what_is_called_and_not_recorded_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(Allocator(monkeypatch))
    model(values=torch.ones(2))
    assert held_by_recordings_mib(model) == 0


def test_the_first_step_and_later_ones_have_it_in_their_peaks(replayed: Model) -> None:
    memory: Any = type("Memory", (), {"device": "cuda", "reset": int, "read": lambda self: 7.0})()
    step = FirstStep(memory)
    step.on_train_batch_start(None, replayed, None, 0)
    step.on_train_batch_end(None, replayed, None, None, 0)
    assert step.peak_mib == 7 + ACTIVATIONS
    samples = [Sample("training", UNKNOWN, 1.0, None, None, None, peak) for peak in (7.0, None)]
    assert [s.peak_memory_mib for s in with_held(samples, replayed)] == [7 + ACTIVATIONS, None]


class Trained(Model):
    """Keeps a part of what it takes for its backward pass, which makes gradients of it."""

    def forward(self, *, values: Tensor) -> Tensor:
        self.memory.take(KEPT)
        output = super().forward(values=values)
        found: Tensor = Backward.apply(output, self.memory)
        return found


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, memory: Allocator) -> Tensor:
        ctx.memory = memory
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        ctx.memory.take(GRADIENTS)
        ctx.memory.take(-KEPT)
        return gradient, None


def record_both(by_place: Any, tensors: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Record both passes as torch does.

    It keeps the gradients of the passes before until it records the backward pass.
    """
    memory = by_place.module.memory
    memory.take(GRADIENTS)
    memory.records = True
    output: Tensor = by_place(*tensors)
    memory.take(-GRADIENTS)
    torch.autograd.grad(output.sum(), tensors)
    memory.records = False
    return lambda *_: output


@pytest.mark.parametrize(("activations", "held"), [(100, 130), (20, 60)])
def test_a_recording_in_training_holds_the_higher_of_both_passes_less_gradients_that_stay(
    activations: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients and output stay, and count as allocated: 60 + 100 - 30, or 60 before backward."""
    monkeypatch.setattr(graphing, "record_training", record_both)
    monkeypatch.setitem(globals(), "ACTIVATIONS", activations)
    model = Trained(Allocator(monkeypatch))
    graph_module(model)
    model(values=torch.ones(2, requires_grad=True))
    assert held_by_recordings_mib(model) == held
    assert model.memory.peak == WEIGHTS + OUTPUT + GRADIENTS


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_steps_of_a_run_have_it_in_their_peaks(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("inference", "training"):
        monkeypatch.setattr(graphing, f"record_{kind}", lambda by_place, _: by_place)
    points = points_of("text", [24], [{"name": "bert", "implementations": ["sdpa"]}])
    point = replace(next(p for p in points if p.phase == phase), num_classes=130, graphed=True)
    memory: Any = type("Memory", (), {"device": "cpu", "reset": int, "read": lambda self: 7.0})()
    module: Any = build_point(point)
    module.forward.held_mib = 50.0
    samples = run_steps(module, point, batch_of(point, 1), Effort(1, 2, 0.0), memory=memory)
    assert [sample.peak_memory_mib for sample in samples] == [57.0, 57.0]
