"""Memory when the model is loaded, in its first training step and in a later one."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest
import torch

from lightning_modules.models.bert import BertModule
from profiling.children.server import run_in_child
from profiling.instruments.memory import MIB, PeakMemory, library_mib, return_freed_pages
from profiling.measuring import first_step, rehearsal
from profiling.measuring.first_step import MOST_READ_IN_MIB, FirstStep
from profiling.measuring.rehearsal import rehearse
from profiling.measuring.trainer_runs import batch_of, build_point, run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.points import CONDITIONS, points_of

# As published, so that most of the parameters of a tiny model are in its embedding.
NUM_CLASSES = 30_522


def point_of(phase: str, size: str = "tiny", length: int = 70) -> Point:
    chosen = {"name": "bert", "implementations": ["sdpa"]}
    (point,) = [p for p in points_of("text", [length], [chosen]) if p.phase == phase]
    return replace(point, num_classes=NUM_CLASSES, conditions=replace(CONDITIONS, size=size))


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
    assert row["loaded_memory_mib"] == pytest.approx(weights_mib, rel=0.02, abs=0.5)
    # At the end of the first step: weights, gradients, two moments of AdamW. In the middle: weights,
    # two gradients of the embedding, which is the head's weight as well, and thrice the
    # logits: less, for so short a text.
    embedding_mib, logits_mib = (NUM_CLASSES * n * 4 / MIB for n in (512, 70))
    assert weights_mib + 2 * embedding_mib + 3 * logits_mib < 4 * weights_mib
    constant_mib = row["first_step_peak_mib"] - 4 * weights_mib
    # Threads and buffers of the libraries, of any model, and a few activations.
    assert 0 <= constant_mib < 12
    # A later step has state and the old gradients while the logits are computed.
    assert row["peak_memory_mib"] >= row["first_step_peak_mib"] - 1


def test_what_a_frozen_parameter_lacks_is_gradient_and_state(server: ForkServerContext) -> None:
    whole = in_first_step(server, freeze=False)
    frozen = in_first_step(server, freeze=True)
    table_mib = NUM_CLASSES * 128 * 4 / MIB
    # 12 bytes per parameter of the embedding, which is the head's weight as well.
    assert whole - frozen == pytest.approx(3 * table_mib, rel=0.05)


def in_first_step(server: ForkServerContext, freeze: bool) -> float:
    outcome = run_in_child(server, f"{__name__}:peak_of_first_step", freeze, 300)
    assert outcome.kind == "ok", outcome
    found: float = outcome.value
    return found


def peak_of_first_step(freeze: bool) -> float:
    point = point_of("training")
    return_freed_pages()
    rehearse(point)
    memory = PeakMemory("cpu")
    module = build_point(point)
    assert isinstance(module, BertModule)
    if freeze:
        module.model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    first = FirstStep(memory)
    run_steps(module, point, batch_of(point, 1), Effort(1, 1, 0.0), [first], memory)
    assert first.peak_mib is not None
    return first.peak_mib


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
