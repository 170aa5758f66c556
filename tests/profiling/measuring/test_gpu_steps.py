"""What is measured on a GPU, on one: memory, busy time, graphs, choice of kernels."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from lightning_modules.kernel_choice import choose_sdpa
from profiling.measuring.device_busy import measure_device_busy
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.steps.memory_of_steps import MemoryOfSteps, workspace_mib
from profiling.measuring.steps.trainer_runs import batch_of, build_point, run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="it needs a CUDA device"),
]
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


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("precision", ["32-true", "bf16-true", "bf16-mixed"])
@pytest.mark.parametrize(("modality", "variant", "length"), MODELS)
def test_replayed_steps_compute_what_called_ones_do(modality, variant, length, phase, precision):
    point = point_of(modality, variant, length, phase, precision)
    weights = []
    for graphed in (False, True):
        torch.manual_seed(0)
        torch.cuda.manual_seed_all(0)
        module = build_point(replace(point, graphed=graphed))
        batch = batch_of(point, 2)
        check = ActivePathCheck(replace(point, graphed=graphed), batch)
        assert len(run_steps(module, point, batch, BRIEF, [check])) == 3
        weights.append(
            {name: weight.detach().float() for name, weight in module.named_parameters()}
        )
        if phase == "inference":
            with torch.inference_mode():
                half = module.dtype if precision.endswith("true") else torch.float32
                given = {
                    name: values.to(half) if values.is_floating_point() else values
                    for name, values in batch.items()
                }
                weights[-1] = {"logits": module.eval().predict_step(given, 0).float()}
    for name, expected in weights[0].items():
        torch.testing.assert_close(weights[1][name], expected, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("phase", PHASES)
def test_the_device_is_busy_for_a_part_of_the_step(phase):
    point = point_of("text", "bert", 512, phase, "bf16-true")
    module, batch = build_point(point), batch_of(point, 1)
    samples = run_steps(module, point, batch, BRIEF)
    latency = min(sample.latency_ms for sample in samples)
    fields = measure_device_busy(module, point, batch, latency)
    assert 0 < fields["device_busy_ms"] <= 1.2 * latency
    assert 0 <= fields["host_bound_share"] < 1


def test_memory_beside_speed_knows_the_weights_and_the_workspace():
    point = point_of("text", "bert", 192, "training", "32-true")
    batch = batch_of(point, 1)
    memory = MemoryOfSteps(point)
    module = build_point(point)
    checks = memory.before(ActivePathCheck(point, batch))
    samples = run_steps(module, point, batch, BRIEF, checks, memory.peak)
    fields = memory.fields(samples)
    weights = sum(p.nbytes for p in (*module.parameters(), *module.buffers())) / 2**20
    assert fields["loaded_memory_mib"] == pytest.approx(weights, rel=0.1, abs=1.0)
    # Gradients and Adam's two moments.
    assert fields["memory_above_weights_mib"] >= 2.9 * weights
    assert fields["workspace_mib"] > 0
    assert workspace_mib("cuda") == 0


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
