"""What a step costs: components that are the whole, and the same as on real tensors."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from profiling.children.server import run_in_child
from profiling.counting.point_costs import (
    ComponentCosts,
    PassCosts,
    PointCosts,
    WholeStep,
    check_sums,
)
from profiling.counting.step_count import StepCount
from profiling.instruments.memory import supports_peak
from profiling.measuring.costs import count_costs, run_counted
from profiling.measuring.steps.building import batch_of, build_point
from tests.samples.variants.costs import point_of

REAL = [
    ("text", "bert", "eager", "training"),
    ("text", "longformer", "mask_fixed", "inference"),
    ("text", "local_bert", "local_blocked", "training"),
    ("text", "modernbert", "local_blocked", "training"),
    ("text", "fnet", "library", "training"),
    ("speech", "lhubert", "local_masked", "training"),
    ("vision", "swin", "sdpa", "inference"),
    ("vision", "swinv2", "library", "training"),
]


@pytest.mark.parametrize(("modality", "variant", "implementation", "phase"), REAL)
def test_tensors_without_values_count_as_real_ones_do(
    modality: str, variant: str, implementation: str, phase: str
) -> None:
    point = point_of(modality, variant, implementation, phase)
    costs = count_costs(point)
    count = StepCount()
    with sdpa_kernel(SDPBackend.MATH):
        run_counted(build_point(point), batch_of(point, 1), point, count)
    assert costs.flops == pytest.approx(count.flops)
    for name, part in costs.components.items():
        assert part.forward.flops == pytest.approx(count.costs_of(name, "forward").flops)
        assert part.backward.flops == pytest.approx(count.costs_of(name, "backward").flops)


def test_the_components_are_what_a_step_costs_that_nobody_watches() -> None:
    point = point_of("speech", "hubert", "eager", "training")
    module, batch = build_point(point), batch_of(point, 1)
    module.train()
    with StepCount() as count:
        module.loss(module(**batch), batch).backward()
    assert count_costs(point).flops == pytest.approx(count.flops)


# At lengths where nothing is padded the library leaves masks out that it builds elsewhere.
UNPADDED = [
    ("bert", "sdpa", 150),
    ("nystromformer", "library", 192),
    ("longformer", "library", 512),
    ("bigbird", "library", 768),
    ("local_bert", "local_blocked", 150),
]


@pytest.mark.parametrize(("variant", "implementation", "length"), UNPADDED)
def test_live_memory_is_the_same_on_real_tensors(
    variant: str, implementation: str, length: int
) -> None:
    point = point_of("text", variant, implementation, "training", length)
    count = StepCount()
    run_counted(build_point(point), batch_of(point, 1), point, count)
    assert count_costs(point).memory_mib == pytest.approx(count.live.peak_bytes() / 2**20)


@pytest.mark.skipif(not supports_peak("cpu"), reason="no process can reset its peak here")
def test_live_memory_is_most_of_what_a_process_really_takes(server: ForkServerContext) -> None:
    point = point_of("text", "bert", "eager", "training", length=1500)
    outcome = run_in_child(server, "profiling.measuring.tasks:measure_memory", point, 100)
    measured = outcome.value["memory_above_weights_mib"]
    # What a kernel takes and gives back within itself is not seen.
    assert 0.85 * measured < count_costs(point).memory_mib < 1.02 * measured


@pytest.fixture(scope="module")
def bert() -> tuple[PointCosts, torch.nn.Module]:
    point = point_of("text", "bert", "sdpa", "training")
    return count_costs(point), build_point(point)


def whole_of(costs: PointCosts) -> WholeStep:
    return WholeStep(costs.flops, int(costs.memory_mib * 2**20))


def test_a_component_that_is_counted_twice_is_caught(
    bert: tuple[PointCosts, torch.nn.Module],
) -> None:
    costs, model = bert
    core = costs.components["attention_core"]
    twice = replace(core, forward=PassCosts(2 * core.forward.flops, core.forward.bytes))
    planted = replace(costs, components={**costs.components, "attention_core": twice})
    check_sums(costs, whole_of(costs), model)
    with pytest.raises(RuntimeError, match=r"the components have [\d,]+ FLOPs, the step [\d,]+"):
        check_sums(planted, whole_of(costs), model)


@pytest.mark.parametrize("forgotten", ["embedding", "norm_residual", "optimiser"])
def test_a_component_that_is_forgotten_is_caught(
    forgotten: str, bert: tuple[PointCosts, torch.nn.Module]
) -> None:
    costs, model = bert
    rest = {name: part for name, part in costs.components.items() if name != forgotten}
    with pytest.raises(RuntimeError, match="the components have"):
        check_sums(replace(costs, components=rest), whole_of(costs), model)


def test_the_optimiser_holds_two_numbers_for_each_that_is_trained(
    bert: tuple[PointCosts, torch.nn.Module],
) -> None:
    costs, model = bert
    trained = sum(parameter.numel() for parameter in model.parameters())
    optimiser = costs.components["optimiser"]
    assert optimiser.memory_mib * 2**20 == 2 * 4 * trained
    assert optimiser == ComponentCosts(PassCosts(), PassCosts(), 0, optimiser.memory_mib)


def test_at_the_peak_of_inference_eager_attention_holds_scores_and_weights() -> None:
    tokens = 1500
    costs = count_costs(point_of("text", "bert", "eager", length=tokens))
    scores = 2 * tokens**2 * 4  # of both heads
    # While the softmax is taken, its input and its output live side by side.
    assert costs.components["attention_core"].memory_mib == pytest.approx(2 * scores / 2**20)


def test_longformer_as_shipped_holds_a_square_mask_that_the_mended_one_has_not() -> None:
    tokens = 4096
    shipped, mended = (
        count_costs(point_of("text", "longformer", kind, length=tokens, attention_window=32))
        for kind in ("library", "mask_fixed")
    )
    difference = (shipped.memory_mib - mended.memory_mib) * 2**20
    assert difference == pytest.approx(4 * tokens**2, rel=0.05)


@pytest.mark.parametrize("precision", ["bf16-true", "16-true"])
def test_half_precision_holds_half(precision: str) -> None:
    full = count_costs(point_of("vision", "vit", "eager"))
    half = count_costs(point_of("vision", "vit", "eager", precision=precision))
    assert half.flops == full.flops
    assert half.memory_mib == pytest.approx(full.memory_mib / 2, rel=0.01)


def test_mixed_precision_holds_copies_of_weights_beside_halved_activations() -> None:
    full = count_costs(point_of("vision", "vit", "eager", "training"))
    mixed = count_costs(point_of("vision", "vit", "eager", "training", precision="bf16-mixed"))
    assert mixed.flops == full.flops
    part = "attention_core"
    assert mixed.components[part].memory_mib < full.components[part].memory_mib


@pytest.mark.parametrize("implementation", ["local_compiled", "local_flex"])
def test_counting_draws_no_random_numbers(implementation: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    count_costs(point_of("text", "local_bert", implementation, "training"))
    assert torch.equal(torch.rand(3), expected)


def test_what_a_row_holds_adds_up(bert: tuple[PointCosts, torch.nn.Module]) -> None:
    costs, _ = bert
    assert set(costs.fields()) == {"flops", "flops_exact", "flops_dense"}
    parts = costs.component_fields().values()
    assert sum(part["flops"] for part in parts) == costs.fields()["flops"]
    assert all(part["flops"] == part["forward_flops"] + part["backward_flops"] for part in parts)
