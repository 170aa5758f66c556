from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from lightning_modules.text import BertModule
from profiling.active_path import ActivePathCheck, AttentionKernels
from profiling.plan import Point
from profiling.steps import batch_of, build_point, run_steps
from profiling.tasks import Effort
from tests.sample_points import points_of


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
        def forward(self, **batch: Any) -> torch.Tensor:
            calls.append(1)
            return super().forward(**batch)

    measured = run_steps(
        Counting(num_classes=130, max_length=12),
        point,
        batch_of(point, 2),
        Effort(warm_up, samples, 0),
    )
    assert len(measured) == samples
    assert len(calls) == warm_up + samples
    assert {(sample.phase, sample.batch_size, sample.length) for sample in measured} == {
        (phase, 2, 12)
    }


def test_short_steps_are_repeated_until_the_seconds_are_over() -> None:
    point = make_point("bert", "sdpa", "inference", 12)
    measured = run_steps(build_point(point), point, batch_of(point, 1), Effort(1, 1, 0.2))
    assert len(measured) > 5
    assert sum(sample.latency_ms for sample in measured) > 100


def test_an_output_of_another_batch_size_is_an_error() -> None:
    class Doubling(BertModule):
        def forward(self, **batch: Any) -> torch.Tensor:
            return super().forward(**batch).repeat(2, 1, 1)

    point = make_point("bert", "sdpa", "inference", 12)
    batch = batch_of(point, 1)
    module = Doubling(num_classes=130, max_length=12)
    with pytest.raises(RuntimeError, match=r"must have shape \(1, 12, 130\), got \(2, 12, 130\)"):
        run_steps(module, point, batch, Effort(1, 1, 0), [ActivePathCheck(point, batch)])


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_model_that_leaves_its_efficient_path_is_an_error(phase: str) -> None:
    point = make_point("bigbird", "library", phase, 770)
    batch = batch_of(point, 1)
    module = build_point(point)
    module.model.bert.set_attention_type("original_full")
    with pytest.raises(RuntimeError, match="bigbird"):
        run_steps(module, point, batch, Effort(1, 1, 0), [ActivePathCheck(point, batch)])


def test_the_kernel_of_torchs_attention_is_seen() -> None:
    query = torch.randn(2, 3, 17, 8)
    with torch.no_grad(), AttentionKernels() as seen:
        scaled_dot_product_attention(query, query, query)
    assert seen.names() == "flash_attention_for_cpu"
    with torch.no_grad(), AttentionKernels() as seen:
        scaled_dot_product_attention(query, query, query, dropout_p=0.5)
    assert seen.names() == "math"
    with torch.no_grad(), AttentionKernels() as seen:
        torch.softmax(query @ query.transpose(-1, -2), -1) @ query
    assert seen.names() is None
