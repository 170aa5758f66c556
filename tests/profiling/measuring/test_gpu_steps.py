"""What is measured on a GPU, on one: memory, busy time, graphs, choice of kernels.

What only a GPU can show comes first: `gpu-check` runs these tests in the time that it has.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor

from lightning_modules.kernel_choice import choose_sdpa
from profiling.measuring.device_busy import measure_device_busy
from profiling.measuring.masking import masked_step_ratio
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.paths.graphing import held_by_recordings_mib
from profiling.measuring.process_limits import forget
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.memory_of_steps import MemoryOfSteps, workspace_mib
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of

pytestmark = pytest.mark.gpu
BRIEF = Effort(2, 3, 0.0)
PHASES = ["inference", "training"]
MODELS = [("text", "bert", 192), ("speech", "hubert", 99), ("speech", "lhubert", 99)]


@pytest.fixture(autouse=True)
def _given_back() -> Iterator[None]:
    yield
    choose_sdpa("any")


def point_of(modality: str, variant: str, length: int, phase: str, precision: str) -> Point:
    (point, *_) = [p for p in points_of(modality, [length], [variant]) if p.phase == phase]
    conditions = replace(CONDITIONS, device="cuda", precision=precision, sdpa_backend="any")
    implementation = "local_blocked" if variant == "lhubert" else "sdpa"
    return replace(point, conditions=conditions, implementation=implementation)


def memory_of(point: Point, batch_size: int = 1) -> tuple[dict[str, Any], float]:
    """Return what a row says of a point's memory, and the MiB of its weights."""
    batch = batch_of(point, batch_size)
    memory = MemoryOfSteps(point)
    module = build_point(point)
    checks = memory.before(ActivePathCheck(point, batch))
    samples = run_steps(module, point, batch, BRIEF, checks, memory.peak)
    weights = sum(p.nbytes for p in (*module.parameters(), *module.buffers())) / 2**20
    return memory.fields(samples), weights


def test_memory_beside_speed_knows_the_weights_and_the_workspace():
    fields, weights = memory_of(point_of("text", "bert", 192, "training", "32-true"))
    assert fields["loaded_memory_mib"] == pytest.approx(weights, rel=0.1, abs=1.0)
    # Gradients and Adam's two moments.
    assert fields["memory_above_weights_mib"] >= 2.9 * weights
    assert fields["workspace_mib"] > 0
    assert workspace_mib("cuda") == 0


@pytest.mark.parametrize("phase", PHASES)
def test_a_graphed_model_needs_about_the_memory_of_a_called_one(phase):
    # Hidden states of 128 MiB in every layer: workspaces, of which a recording has more, are small.
    called_point = point_of("text", "bert", 4096, phase, "32-true")
    called, _ = memory_of(called_point, 16)
    forget("cuda")
    graphed, _ = memory_of(replace(called_point, graphed=True), 16)
    assert 0.8 <= graphed["memory_above_weights_mib"] / called["memory_above_weights_mib"] <= 1.25
    if phase == "training":
        assert 0.8 <= graphed["first_step_peak_mib"] / called["first_step_peak_mib"] <= 1.25


@pytest.mark.parametrize("phase", PHASES)
def test_a_recording_holds_no_more_than_is_free_in_its_pool(phase):
    point = replace(point_of("text", "bert", 512, phase, "32-true"), graphed=True)
    module = build_point(point)
    run_steps(module, point, batch_of(point, 8), BRIEF)
    pools = [each for each in torch.cuda.memory_snapshot() if any(each["segment_pool_id"])]
    free = sum(each["total_size"] - each["allocated_size"] for each in pools) / 2**20
    # What torch gives back only when both passes are recorded: copies of logits.
    assert 0 < held_by_recordings_mib(module) <= free + 1


@pytest.mark.parametrize("phase", PHASES)
def test_the_device_is_busy_for_a_part_of_the_step(phase):
    point = point_of("text", "bert", 512, phase, "bf16-true")
    module, batch = build_point(point), batch_of(point, 1)
    samples = run_steps(module, point, batch, BRIEF)
    latency = min(sample.latency_ms for sample in samples)
    fields = measure_device_busy(point, latency, module)
    assert 0 < fields["device_busy_ms"] <= 1.2 * latency
    assert 0 <= fields["host_bound_share"] < 1


@pytest.mark.parametrize(("modality", "variant", "length"), MODELS)
def test_steps_with_a_mask_are_timed_beside_those_without_on_a_gpu(modality, variant, length):
    point = point_of(modality, variant, length, "inference", "bf16-true")
    ratio = masked_step_ratio(replace(point, effort=Effort(1, 6, 0.0)), 2)
    assert ratio is not None
    assert ratio > 0


class Computed(lightning.Callback):
    """Keeps what the steps of a run compute, in the number format in which they run.

    Attributes:
        outputs: Logits of each prediction, the loss of each training step.
        gradients: Of the first training step, which all models make with the same weights. Adam
            moves a weight whose gradient is nothing but noise as far as any other, so that later
            weights may differ where nothing is wrong.
    """

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []
        self.gradients: dict[str, Tensor] = {}

    def on_predict_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.outputs.append(outputs.float().clone())  # a replay writes to the same place again

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.outputs.append(outputs["loss"].float().clone())

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if not self.gradients:
            self.gradients = {
                name: weight.grad.float().clone()
                for name, weight in pl_module.named_parameters()
                if weight.grad is not None
            }


def computed_by(point: Point) -> Computed:
    torch.manual_seed(0)
    torch.cuda.manual_seed_all(0)
    module, batch, computed = build_point(point), batch_of(point, 2), Computed()
    checks = [ActivePathCheck(point, batch), computed]
    assert len(run_steps(module, point, batch, BRIEF, checks)) == 3
    return computed


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("precision", ["32-true", "bf16-true", "bf16-mixed"])
@pytest.mark.parametrize(("modality", "variant", "length"), MODELS)
def test_replayed_steps_compute_what_called_ones_do(modality, variant, length, phase, precision):
    point = point_of(modality, variant, length, phase, precision)
    called, replayed = (computed_by(replace(point, graphed=graphed)) for graphed in (False, True))
    assert len(called.outputs) == len(replayed.outputs) == 5
    for found, expected in zip(replayed.outputs, called.outputs, strict=True):
        torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-3)
    assert replayed.gradients.keys() == called.gradients.keys()
    assert bool(called.gradients) == (phase == "training")
    largest = max((float(g.abs().max()) for g in called.gradients.values()), default=0.0)
    for name, expected in called.gradients.items():
        # Some are zero but for rounding, as those of keys' biases: a millionth of the largest.
        near = 2e-2 * float(expected.abs().max()) + 1e-5 * largest
        torch.testing.assert_close(replayed.gradients[name], expected, rtol=0.0, atol=near)


@pytest.mark.parametrize(
    ("backend", "seen"), [("flash", "flash"), ("efficient", "efficient"), ("math", "math")]
)
def test_the_chosen_backend_is_the_one_that_runs(backend, seen):
    point = point_of("text", "bert", 192, "inference", "bf16-true")
    choose_sdpa(backend)
    batch = batch_of(point, 1)
    check = ActivePathCheck(point, batch)
    run_steps(build_point(point), point, batch, BRIEF, [check])
    assert seen in str(check.kernel)
