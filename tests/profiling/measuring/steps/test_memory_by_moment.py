"""Memory when the model is loaded, in its first training step and in a later one."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest
import torch

from lightning_modules.models.text.bert import BertModule
from profiling.children.server import run_in_child
from profiling.instruments.memory import MIB, PeakMemory, library_mib, return_freed_pages
from profiling.measuring.steps import first_step, rehearsal
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.first_step import MOST_READ_IN_MIB, FirstStep
from profiling.measuring.steps.rehearsal import rehearse
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of


def point_of(phase: str, size: str = "tiny", length: int = 70) -> Point:
    chosen = {"name": "bert", "implementations": ["sdpa"]}
    (point,) = [p for p in points_of("text", [length], [chosen]) if p.phase == phase]
    return replace(point, conditions=replace(CONDITIONS, size=size))


def measure(server: ForkServerContext, point: Point) -> dict[str, Any]:
    outcome = run_in_child(server, "profiling.measuring.tasks:measure_memory", point, 300)
    assert outcome.kind == "ok", outcome
    found: dict[str, Any] = outcome.value
    return found


def test_weights_gradients_and_optimiser_state_are_16_bytes_per_parameter(
    server: ForkServerContext,
) -> None:
    row = measure(server, point_of("training", "small"))
    weights_mib = row["parameters"] * 4 / MIB
    assert row["loaded_memory_mib"] == pytest.approx(weights_mib, rel=0.02)
    # Weights, gradients, two moments of AdamW at the end of the first step; threads and buffers of
    # the libraries besides, and a few activations.
    assert 0 <= row["first_step_peak_mib"] - 4 * weights_mib < 15
    # A later step has state and the old gradients while activations are computed.
    assert row["peak_memory_mib"] >= row["first_step_peak_mib"] - 1


class WithoutState(BertModule):
    """Trained by an optimiser that keeps nothing."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1, foreach=False)


class WithMore(BertModule):
    """Needs 200 MiB for a moment in every step."""

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        assert torch.ones(200 * MIB // 4).sum() > 0
        return super().training_step(batch, batch_idx)


def moments_of(module_class: type[BertModule]) -> tuple[float, float, int]:
    """Return MiB of the loaded model and of its first step, and how many parameters it has."""
    point = point_of("training")
    return_freed_pages()
    rehearse(point)
    memory = PeakMemory("cpu")
    module = module_class(num_classes=10, size="small", max_length=70, implementation="sdpa")
    first = FirstStep(memory)
    checks = [memory.when_loaded(), first]
    run_steps(module, point, batch_of(point, 1), Effort(1, 1, 0.0), checks, memory)
    assert first.peak_mib is not None
    return memory.weights_mib, first.peak_mib, sum(p.numel() for p in module.parameters())


def test_the_state_of_adamw_adds_8_bytes_per_parameter_to_the_first_step(
    server: ForkServerContext,
) -> None:
    peaks = []
    for module_class in (BertModule, WithoutState):
        outcome = run_in_child(server, f"{__name__}:moments_of", module_class, 300)
        assert outcome.kind == "ok", outcome
        loaded, peak, parameters = outcome.value
        assert loaded == pytest.approx(parameters * 4 / MIB, rel=0.02)
        peaks.append(peak)
    assert peaks[0] - peaks[1] == pytest.approx(parameters * 8 / MIB, rel=0.05)


def test_what_the_first_step_holds_for_a_moment_is_in_its_peak(server: ForkServerContext) -> None:
    outcome = run_in_child(server, f"{__name__}:moments_of", WithMore, 300)
    assert outcome.kind == "ok", outcome
    loaded, peak, _ = outcome.value
    assert peak - loaded == pytest.approx(200, abs=8)


def read_in_by_first_step(rehearsed: bool) -> tuple[float, float | None]:
    point = point_of("training")
    return_freed_pages()
    if rehearsed:
        rehearse(point)
    memory = PeakMemory("cpu")
    module, before = build_point(point), library_mib("cpu")
    first = FirstStep(memory)
    run_steps(module, point, batch_of(point, 1), Effort(1, 1, 0.0), [first], memory)
    return library_mib("cpu") - before, first.peak_mib


def test_the_first_step_reads_libraries_in_and_after_a_rehearsal_it_does_not(
    server: ForkServerContext,
) -> None:
    work = f"{__name__}:read_in_by_first_step"
    unrehearsed, unknown = run_in_child(server, work, False, 300).value
    rehearsed, known = run_in_child(server, work, True, 300).value
    assert unrehearsed > MOST_READ_IN_MIB
    assert unknown is None
    assert rehearsed < MOST_READ_IN_MIB / 2
    assert known > 0


def test_a_prediction_has_no_first_training_step(server: ForkServerContext) -> None:
    row = measure(server, point_of("inference"))
    assert row["first_step_peak_mib"] is None
    assert row["loaded_memory_mib"] < row["peak_memory_mib"]


def test_a_peak_that_pages_of_libraries_grew_into_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resident = iter([100.0, 101.5])
    monkeypatch.setattr(first_step, "library_mib", lambda device: next(resident))
    memory: Any = type("Memory", (), {"device": "cpu", "reset": int, "read": lambda self: 7.0})()
    step = FirstStep(memory)
    step.on_train_batch_start(None, None, None, 0)
    step.on_train_batch_end(None, None, None, None, 0)
    assert step.peak_mib is None


def test_a_rehearsal_is_small_of_the_same_kind_and_leaves_the_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Point] = []
    monkeypatch.setattr(rehearsal, "build_point", lambda point: seen.append(point))
    monkeypatch.setattr(rehearsal, "run_steps", lambda *_: torch.rand(3))
    monkeypatch.setattr(rehearsal, "return_freed_pages", lambda: None)
    monkeypatch.setattr(rehearsal, "set_threads", lambda threads: None)
    (point,) = [p for p in points_of("text", [3000], ["bigbird"]) if p.phase == "training"]
    rehearse(replace(point, conditions=replace(CONDITIONS, size="base"), checkpoint="mine"))
    (small,) = seen
    assert (small.variant, small.phase, small.implementation) == ("bigbird", "training", "library")
    assert (small.length, small.conditions.size, small.checkpoint) == (705, "tiny", None)
    after = torch.rand(2)
    torch.manual_seed(CONDITIONS.seed)
    assert torch.equal(after, torch.rand(2))
