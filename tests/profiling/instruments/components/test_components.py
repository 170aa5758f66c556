"""Every moment of a step belongs to the part of the model that computes."""

from collections import Counter
from itertools import groupby
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from lightning_modules.models.components import COMPONENTS, find_parts, parameters_by_component
from profiling.instruments.components.component_watch import ComponentWatch, nodes_of
from profiling.measuring.breakdown import closure_of, why_open
from tests.samples.variants.models import CASES, VARIANT_CASES, batch_of, build

LENGTH = {"text": 48, "speech": 21, "vision": 64}
BACKWARD = "autograd::engine::evaluate_function"


# Its positions are sines, and what comes before is its front end.
WITHOUT_EMBEDDING = {"parakeet"}


def length_of(modality: str, variant: str) -> int:
    return 768 if variant == "bigbird" else LENGTH[modality]


def has_projections(module: Any) -> bool:
    """Tell whether its tokens meet through attention, and not through a transform alone."""
    return bool(module.attention_cores(64))


def watch_of(module: Any, heard: list[str]) -> ComponentWatch:
    owners = parameters_by_component(module.parts(), module)
    return ComponentWatch(module.parts(), owners, heard.append)


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_every_parameter_belongs_to_one_component(modality: str, variant: str) -> None:
    module = build(modality, variant)
    owners = parameters_by_component(module.parts(), module)
    counted: Counter[str] = Counter()
    for parameter in module.parameters():
        counted[owners[id(parameter)]] += parameter.numel()
    assert sum(counted.values()) == sum(p.numel() for p in module.parameters())
    assert {"feed_forward", "norm_residual", "head"} <= set(counted)
    assert ("embedding" in counted) == (variant not in WITHOUT_EMBEDDING)
    assert ("attention_projection" in counted) == has_projections(module)
    assert set(counted) <= set(COMPONENTS)
    assert ("feature_encoder" in counted) == (modality == "speech")


@pytest.mark.parametrize("variant", ["bert", "local_bert", "bigbird", "nystromformer"])
def test_the_parameters_of_a_text_layer_are_those_of_the_formula(variant: str) -> None:
    module = build("text", variant)
    layers, width = module.model.config.num_hidden_layers, module.model.config.hidden_size
    owners = parameters_by_component(module.parts(), module)
    counted: Counter[str] = Counter()
    for parameter in module.parameters():
        counted[owners[id(parameter)]] += parameter.numel()
    assert counted["attention_projection"] == layers * 4 * width * (width + 1)
    assert counted["feed_forward"] == layers * (8 * width * width + 5 * width)
    assert counted["norm_residual"] == layers * 4 * width


@pytest.mark.parametrize("variant", ["modernbert", "modernbert_full"])
def test_the_parameters_of_a_gated_layer_without_biases_are_those_of_its_formula(
    variant: str,
) -> None:
    module = build("text", variant)
    layers, width = module.model.config.num_hidden_layers, module.model.config.hidden_size
    owners = parameters_by_component(module.parts(), module)
    counted: Counter[str] = Counter()
    for parameter in module.parameters():
        counted[owners[id(parameter)]] += parameter.numel()
    assert counted["attention_projection"] == layers * 4 * width * width
    assert counted["feed_forward"] == layers * 3 * width * (3 * width // 2)
    # Two in each layer but the first, which has one, and one behind the last.
    assert counted["norm_residual"] == 2 * layers * width


@pytest.mark.parametrize(("modality", "variant", "implementation"), CASES)
def test_a_forward_pass_is_watched_without_changing_it(
    modality: str, variant: str, implementation: str
) -> None:
    module = build(modality, variant, implementation=implementation).train()
    batch = batch_of(modality, length_of(modality, variant))
    plain = module(**batch)
    heard: list[str] = []
    with watch_of(module, heard):
        torch.testing.assert_close(module(**batch), plain)
    order = [name for name, _ in groupby(heard)]
    layer = order.index("attention_core"), order.index("feed_forward")
    assert order.index("embedding") < max(layer) < order.index("head")
    assert order[0] == order[-1] == "other"
    assert ("attention_projection" in order) == has_projections(module)


def test_no_trace_of_a_watch_is_left_in_a_model() -> None:
    module = build("vision", "swin")
    before = [(dict(vars(m)), m._forward_hooks.copy()) for m in module.modules()]
    with watch_of(module, []):
        assert any(m._forward_hooks for m in module.modules())
    assert [(dict(vars(m)), m._forward_hooks.copy()) for m in module.modules()] == before


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_a_backward_operation_belongs_where_the_profiler_puts_it(
    modality: str, variant: str
) -> None:
    """The profiler joins it to an operation of the forward pass by a number of its own."""
    module = build(modality, variant).train()
    batch = batch_of(modality, length_of(modality, variant))
    ranges: list[Any] = []

    def switched(component: str) -> None:
        if ranges:
            ranges.pop().__exit__(None, None, None)
        ranges.append(record_function(f"component {component}"))
        ranges[-1].__enter__()

    watch = ComponentWatch(module.parts(), {}, switched)
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as trace:
        with watch:
            loss = module.loss(module(**batch), batch)
        ranges.pop().__exit__(None, None, None)
        ours = {
            node._sequence_nr(): watch._component_of(node)
            for node in nodes_of(loss)
            if not hasattr(node, "variable")
        }
        loss.backward()
    theirs = _by_profiler(list(trace.events() or []))
    known = ours.keys() & theirs.keys()
    # What is written into a view has operations that no call of the forward pass has made.
    assert len(known) >= 0.8 * len(ours)
    assert {number: ours[number] for number in known} == {n: theirs[n] for n in known}


def _by_profiler(events: list[Any]) -> dict[int, str]:
    """Return the component of each operation of the backward pass, by its number."""
    numbered: dict[int, str] = {}
    for event in events:
        around = event
        while around is not None and not around.name.startswith("component "):
            around = around.cpu_parent
        if around not in (None, event) and event.sequence_nr >= 0:
            numbered[event.sequence_nr] = around.name.removeprefix("component ")
    found = {event.sequence_nr for event in events if event.name.startswith(BACKWARD)}
    return {number: numbered[number] for number in found & numbered.keys()}


def test_a_gradient_that_is_added_belongs_to_the_owner_of_its_parameter() -> None:
    module = build("text", "bert").train()
    batch = batch_of("text", 24)
    heard: list[str] = []
    watch = watch_of(module, heard)
    with watch:
        loss = module.loss(module(**batch), batch)
    watch.follow_backward(loss)
    del heard[:]
    loss.backward()
    counted = Counter(heard)
    assert counted["embedding"] >= 5  # two tables that grow, one for types, a norm with two
    assert counted["other"] <= 1


def test_an_encoder_that_is_no_variant_has_the_same_components() -> None:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    config = RobertaConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=40, max_position_embeddings=40,
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    parts = find_parts(model)
    owners = parameters_by_component(parts, model)
    counted: Counter[str] = Counter()
    for parameter in model.parameters():
        counted[owners[id(parameter)]] += parameter.numel()
    assert counted["attention_projection"] == 3 * 4 * 24 * 25
    assert counted["feed_forward"] == 3 * (2 * 24 * 40 + 64)
    assert counted["head"] == 24 * 25 + 25 * 2
    heard: list[str] = []
    with ComponentWatch(parts, owners, heard.append):
        model.eval()(input_ids=torch.arange(5, 22)[None])
    assert Counter(name for name, _ in groupby(heard))["attention_core"] >= 3


TIMES = {
    "embedding": {"forward_ms": 1.0, "backward_ms": 2.0},
    "attention_core": {"forward_ms": 3.0, "backward_ms": 4.0},
    "feed_forward": {"forward_ms": 4.0, "backward_ms": 6.0},
}


def test_components_that_add_up_to_the_step_close() -> None:
    assert why_open(closure_of(TIMES, 20.5)) is None


@pytest.mark.parametrize("forgotten", list(TIMES))
def test_a_forgotten_component_does_not_close(forgotten: str) -> None:
    rest = {name: times for name, times in TIMES.items() if name != forgotten}
    problem = why_open(closure_of(rest, 20.0))
    assert problem is not None
    assert "of a step that was left alone" in problem


@pytest.mark.parametrize("twice", list(TIMES))
def test_a_component_that_is_counted_twice_does_not_close(twice: str) -> None:
    doubled = TIMES | {"head": TIMES[twice]}
    assert why_open(closure_of(doubled, 20.0)) is not None
