import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.models.text.bert import BertModule
from profiling.children.server import run_in_child
from profiling.instruments.memory import return_freed_pages
from profiling.measuring import tasks
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.process_limits import is_out_of_memory
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.measuring.tasks import measure_memory
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import points_of


def make_point(variant: str, implementation: str, phase: str, length: int) -> Point:
    points = points_of("text", [length], [{"name": variant, "implementations": [implementation]}])
    point = next(point for point in points if point.phase == phase)
    return replace(point, num_classes=130)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("phase", ["inference", "training"])
@pytest.mark.parametrize(("warm_up", "samples"), [(1, 1), (2, 3), (3, 4)])
def test_exactly_as_many_steps_run_as_are_asked_for(phase: str, warm_up: int, samples: int) -> None:
    point = make_point("bert", "sdpa", phase, 12)
    calls = []

    class Counting(BertModule):
        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
        ) -> torch.Tensor:
            calls.append(1)
            return super().forward(input_ids, attention_mask)

    measured = run_steps(
        Counting(num_classes=130, max_length=12),
        point,
        batch_of(point, 2),
        Effort(warm_up, samples, 0),
    )
    assert len(measured) == samples
    assert len(calls) == warm_up + samples
    assert {(sample.phase, *sample.shape) for sample in measured} == {(phase, 2, 12, None)}


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_warm_up_by_time_goes_on_after_its_steps_and_is_in_no_sample(phase: str) -> None:
    point = make_point("bert", "sdpa", phase, 12)
    began: list[float] = []
    numbers: list[int] = []

    class Noting(BertModule):
        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
        ) -> torch.Tensor:
            began.append(time.perf_counter())
            return super().forward(input_ids, attention_mask)

    measured = run_steps(
        Noting(num_classes=130, max_length=12),
        point,
        batch_of(point, 1),
        Effort(1, 3, 0),
        before_step=numbers.append,
        warm_up_s=0.3,
    )
    assert numbers == [0, 1, 2]
    assert len(measured) == 3
    assert began[-3] - began[0] >= 0.3  # the first step has made the device ready, not warm
    assert len(began) > 4


def measure_both(point: Point) -> Iterator[dict[str, Any]]:
    """Measure as on CUDA, where memory is read beside speed, in a child that returns its pages."""
    pytest.MonkeyPatch().setattr(tasks, "memory_beside_speed", lambda _: True)
    return_freed_pages()
    row: dict[str, Any] = {}
    for part in tasks.measure_speed(point):
        row |= part
    yield row


def test_where_memory_is_read_beside_speed_a_row_has_both(server: ForkServerContext) -> None:
    point = make_point("bert", "sdpa", "training", 12)
    conditions = replace(point.conditions, allocator="system", max_batch_size=2)
    point = replace(point, conditions=conditions, effort=Effort(1, 2, 0.0))
    outcome = run_in_child(server, f"{__name__}:{measure_both.__name__}", point, 300)
    assert outcome.kind == "ok", outcome.message
    row = outcome.value
    assert row["latency_ms"] > 0
    assert row["throughput_samples_per_s"] > 0
    # Adam's two moments and the gradients are there from the second step on.
    assert row["peak_memory_mib"] > row["loaded_memory_mib"]
    assert row["memory_above_weights_mib"] == row["peak_memory_mib"] - row["loaded_memory_mib"]
    assert "first_step_peak_mib" in row
    assert row["workspace_mib"] is None


def test_short_steps_are_repeated_until_the_seconds_are_over() -> None:
    point = make_point("bert", "sdpa", "inference", 12)
    measured = run_steps(build_point(point), point, batch_of(point, 1), Effort(1, 1, 0.2))
    assert len(measured) > 5
    assert sum(sample.latency_ms for sample in measured) > 100


def test_a_run_whose_rows_nobody_gets_does_not_take_memory_to_find_its_allocator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find() -> bool:
        raise AssertionError("80 MiB were taken, between two measurements")

    for asking in ("telling", "step_memory"):
        monkeypatch.setattr(f"profiling.instruments.{asking}.keeps_freed_memory", find)
    point = make_point("bert", "sdpa", "inference", 12)
    samples = run_steps(build_point(point), point, batch_of(point, 1), Effort(1, 2, 0))
    assert [sample.peak_memory_mib for sample in samples] == [None, None]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_model_that_leaves_its_efficient_path_is_an_error(phase: str) -> None:
    point = make_point("bigbird", "library", phase, 770)
    batch = batch_of(point, 1)
    module = build_point(point)
    module.model.bert.set_attention_type("original_full")
    with pytest.raises(RuntimeError, match="bigbird"):
        run_steps(module, point, batch, Effort(1, 1, 0), [ActivePathCheck(point, batch)])


@pytest.mark.parametrize(
    ("variant", "implementation", "length", "kernel"),
    [
        ("local_bert", "local_blocked", 65, "flash_attention_for_cpu (the window covers all)"),
        ("local_bert", "local_blocked", 66, "flash_attention_for_cpu"),
        ("modernbert", "eager", 63, "not fused (the window covers all)"),
        ("modernbert", "eager", 64, None),
    ],
)
def test_a_window_that_covers_the_input_is_recorded(
    variant: str, implementation: str, length: int, kernel: str | None
) -> None:
    point = make_point(variant, implementation, "inference", length)
    assert point.attention_window == 128
    batch = batch_of(point, 1)
    check = ActivePathCheck(point, batch)
    run_steps(build_point(point), point, batch, Effort(1, 1, 0), [check])
    assert check.kernel == kernel


def test_a_system_without_peak_memory_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiling.measuring.tasks.supports_peak", lambda device: False)
    assert list(measure_memory(make_point("bert", "sdpa", "inference", 12))) == []


def test_a_stored_batch_is_cut_or_repeated_and_does_not_count_against_the_budget(
    tmp_path: Path,
) -> None:
    ids = torch.arange(3 * 5).reshape(3, 5)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    torch.save({"input_ids": ids, "attention_mask": mask}, tmp_path / "text-5.pt")
    point = replace(make_point("bert", "sdpa", "inference", 5), batches=str(tmp_path))
    assert torch.equal(batch_of(point, 2)["input_ids"], ids[:2])
    assert torch.equal(batch_of(point, 5)["input_ids"], ids[[0, 1, 2, 0, 1]])
    assert "attention_mask" not in batch_of(point, 1)  # its only sample needs no padding
    assert "attention_mask" in batch_of(point, 2)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("unable to mmap 9 bytes from file <x>: Cannot allocate memory (12)"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(2, "No such file"), False),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_what_means_that_memory_ran_out(problem: Exception, expected: bool) -> None:
    assert is_out_of_memory(problem) is expected
