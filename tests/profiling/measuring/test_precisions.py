"""Every variant and kernel is measured, in every precision that a CPU has."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest

from lightning_modules.variants import VARIANTS
from profiling.children.server import run_in_child
from profiling.measuring import tasks
from profiling.measuring.steps.trainer_runs import prepare_process
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.models import implementations_here
from tests.samples.variants.points import CONDITIONS, points_of


def measure_in_turn(points: list[Point]) -> Iterator[dict[str, Any]]:
    """Measure points of the same conditions in one child, which takes long to start."""
    prepare_process(points[0])
    pytest.MonkeyPatch().setattr(tasks, "prepare_process", lambda _: None)  # once in a process
    for point in points:
        row: dict[str, Any] = {}
        for part in tasks.measure_speed(point):
            row |= part
        yield {point.describe(): row["latency_ms"]}


def check_all_are_measured(
    server: ForkServerContext, points: Sequence[Point], precision: str
) -> None:
    conditions = replace(CONDITIONS, precision=precision, max_batch_size=1)
    brief = [
        replace(point, conditions=conditions, effort=Effort(1, 1, 0), metrics=("latency",))
        for point in points
    ]
    outcome = run_in_child(server, f"{__name__}:{measure_in_turn.__name__}", brief, 600)
    assert outcome.kind == "ok", f"after {outcome.value}: {outcome.message}"
    assert [*outcome.value] == [point.describe() for point in brief]
    assert min(outcome.value.values()) > 0


@pytest.mark.parametrize(("modality", "length"), [("text", 140), ("speech", 110), ("vision", 64)])
def test_a_training_step_of_every_kernel_is_measured(
    server: ForkServerContext, modality: str, length: int
) -> None:
    """That of the default kernel is in `test_whole_sweep.py`, as is inference with all of them."""
    others = {
        name: [kernel for kernel in implementations_here(modality, name) if kernel != v.default]
        for name, v in VARIANTS[modality].items()
    }
    variants = [{"name": name, "implementations": some} for name, some in others.items() if some]
    points = points_of(modality, [length], variants)
    check_all_are_measured(server, [p for p in points if p.phase == "training"], "32-true")


# One variant of vision shows both phases: a training step goes forward as inference does.
ONLY_TRAINED = ("swin", "swinv2")


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed", "16-true"])
@pytest.mark.parametrize(
    ("modality", "length", "variants"),
    [
        ("text", 140, ["bert", "longformer", "nystromformer", "local_bert", "fnet"]),
        ("speech", 31, ["hubert", "lhubert"]),
        ("vision", 64, ["vit", {"name": "swin", "implementations": ["sdpa"]}, "swinv2"]),
    ],
)
def test_every_variant_is_measured_in_every_other_precision(
    server: ForkServerContext,
    modality: str,
    length: int,
    variants: list[object],
    precision: str,
) -> None:
    points = [
        point
        for point in points_of(modality, [length], variants)
        if point.phase == "training" or point.variant not in ONLY_TRAINED
    ]
    check_all_are_measured(server, points, precision)


@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_memory_above_the_weights_is_above_those_of_the_precision(
    server: ForkServerContext, precision: str
) -> None:
    (point, _) = points_of("text", [128], [{"name": "bert", "implementations": ["sdpa"]}])
    conditions = replace(CONDITIONS, precision=precision, size="small")
    point = replace(point, num_classes=130, conditions=conditions)
    row = run_in_child(server, "profiling.measuring.tasks:measure_memory", point, 100).value
    bits = 32 if precision == "32-true" else 16
    weights_mib = row["parameters"] * bits / 8 / 2**20
    assert row["memory_above_weights_mib"] > 0
    measured = row["peak_memory_mib"] - row["memory_above_weights_mib"]
    assert measured == pytest.approx(weights_mib, rel=0.15)
