"""What one step of a point computes and holds, by component, counted without computing it."""

from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.utils import import_utils

from lightning_modules.attention import unpadded
from lightning_modules.attention.bands import bands_apart
from lightning_modules.models.base import VariantModule
from lightning_modules.models.components import COMPONENTS, parameters_by_component
from profiling.counting.fake_model import empty_batch, empty_model, precision_plugin
from profiling.counting.fused_windows import counted_windows
from profiling.counting.point_costs import (
    ComponentCosts,
    PointCosts,
    WholeStep,
    check_sums,
)
from profiling.counting.step_count import StepCount
from profiling.instruments.components.component_watch import ComponentWatch
from profiling.measuring.steps.building import batch_of, build_point
from profiling.planning.points import Point

OPTIMISER = "optimiser"
STATES_OF_ADAMW = 2  # the mean of the gradients and of their squares, each like the parameter
Batch = dict[str, Tensor]


def count_costs(point: Point) -> PointCosts:
    """Count one step of the point's phase at batch size 1: forward; in training loss and backward.

    The model is built without memory, on a device that only seems to be the point's, so that its
    kernels are chosen as they would be there. A step in training begins as every one but the first
    does: with the gradients of the one before, and with the optimiser's state.

    Raises:
        RuntimeError: The components do not add up to the step.
    """
    device = point.conditions.device
    with torch.random.fork_rng(devices=[]):
        # A checkpoint's configuration is known only when it is loaded, weights and all.
        module = build_point(point, "cpu" if point.checkpoint else "meta")
        batch = batch_of(point, 1, "cpu")
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        plugin = precision_plugin(point.conditions.precision, device)
        plugin.convert_module(module)
        empty_model(module, device)
        batch = plugin.convert_input(empty_batch(batch, device))
    count = StepCount()
    with fake:
        run_counted(module, batch, point, count)
    costs = _costs_of(module, point, count)
    check_sums(costs, WholeStep(count.flops, count.live.peak_bytes()), module)
    return costs


def run_counted(module: VariantModule, batch: Batch, point: Point, count: StepCount) -> None:
    """Run a step without values and count it, by the component that computes.

    Args:
        module: Without values, on the point's device.
        batch: The same.
        point: Says phase and number format.
        count: Takes what is counted.
    """
    training = point.phase == "training"
    module.train(training)
    batch = _without_lengths(batch, module.implementation)
    count.padded = "attention_mask" in batch
    _leave_out(module, batch, count)
    parts = module.parts()
    owners = parameters_by_component(parts, module)
    plugin = precision_plugin(point.conditions.precision, point.conditions.device)
    with (
        torch.set_grad_enabled(training),
        # The thread that would run the backward pass of a GPU knows nothing of who counts.
        torch.autograd.set_multithreading_enabled(False),
        counted_windows(module.implementation, count.add),
        bands_apart(),
        # Otherwise transformers asks nothing of such tensors, and builds masks that it need not.
        patch.object(import_utils, "is_fake_tensor", lambda _: False),
        count,
        ComponentWatch(parts, owners, count.switched) as watch,
    ):
        with plugin.forward_context():
            if not training:
                module.predict_step(batch, 0)
                return
            loss = module.loss(module(**batch), batch)
        count.live.begin_clearing()
        count.pass_name = "backward"
        watch.follow_backward(loss)
        loss.backward()
    for parameter in module.parameters():
        if parameter.grad is not None:
            count.live.note_gradient(parameter.grad, owners[id(parameter)])
            count.live.note_always(OPTIMISER, STATES_OF_ADAMW * parameter.nbytes)


def _without_lengths(batch: Batch, implementation: str) -> Batch:
    """Leave the mask out for a kernel whose layers compute on the tokens that the mask calls real.

    How many those are only its values say. Without values all tokens count as real.
    """
    if implementation != unpadded.NAME:
        return batch
    return {name: values for name, values in batch.items() if name != "attention_mask"}


def _leave_out(module: VariantModule, batch: Batch, count: StepCount) -> None:
    """Know what is there before the step: weights and batch."""
    for tensor in (*module.parameters(), *module.buffers(), *batch.values()):
        count.live.leave_out(tensor)


def _costs_of(module: VariantModule, point: Point, count: StepCount) -> PointCosts:
    owners = parameters_by_component(module.parts(), module)
    parameters = dict.fromkeys(COMPONENTS, 0)
    for parameter in module.parameters():
        parameters[owners[id(parameter)]] += parameter.numel()
    memory = count.live.at_peak()
    components = {
        name: ComponentCosts(
            count.costs_of(name, "forward"),
            count.costs_of(name, "backward"),
            parameters[name],
            memory.get(name, 0) / 2**20,
        )
        for name in COMPONENTS
        if name in count.components() or parameters[name] or name in memory
    }
    core = components["attention_core"].flops
    rest = sum(costs.flops for costs in components.values()) - core
    passes = 3 if point.phase == "training" else 1  # two products of the way back for each
    cores = module.attention_cores(point.length)
    exact = [found.exact_flops for found in cores] or [None]
    return PointCosts(
        components,
        flops_exact=rest + (core if None in exact else passes * sum(filter(None, exact))),
        # Where nothing attends (FNet), what meets tokens in its place is all there is.
        flops_dense=rest + (passes * sum(found.dense_flops for found in cores) if cores else core),
        recomputed_flops=count.recomputed_flops,
    )
