"""Models and batches are made where they are measured, and stay there."""

from dataclasses import replace
from multiprocessing.context import ForkServerContext

import pytest
import torch

from lightning_modules.variants import VARIANTS, find_variant
from profiling.children.server import run_in_child
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS, points_of

EVERY_VARIANT = [(modality, variant) for modality in VARIANTS for variant in VARIANTS[modality]]


def point_on(device: str, modality: str, variant: str, phase: str = "inference") -> Point:
    length = 64 if modality == "vision" else find_variant(modality, variant).minimum_length + 31
    points = points_of(modality, [length], [variant])
    (point, *_) = [point for point in points if point.phase == phase]
    return replace(point, conditions=replace(CONDITIONS, device=device))


@pytest.mark.parametrize(("modality", "variant"), EVERY_VARIANT)
def test_a_model_is_built_on_its_device_with_all_that_it_holds(modality: str, variant: str) -> None:
    module = build_point(point_on("meta", modality, variant))
    places = {tensor.device.type for tensor in (*module.parameters(), *module.buffers())}
    assert places == {"meta"}


@pytest.mark.parametrize("modality", VARIANTS)
def test_a_batch_is_made_on_its_device(modality: str) -> None:
    variant = next(iter(VARIANTS[modality]))
    batch = batch_of(point_on("meta", modality, variant), 3)
    assert batch
    assert {values.device.type for values in batch.values()} == {"meta"}


def test_children_start_no_further_processes_to_compile(server: ForkServerContext) -> None:
    assert run_in_child(server, "os:getenv", "TORCHINDUCTOR_COMPILE_THREADS", 100).value == "1"


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_neither_model_nor_batch_is_moved_or_copied_by_a_run(
    phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = point_on("cpu", "text", "bert", phase)
    module, batch = build_point(point), batch_of(point, 2)
    places = {name: weight.data_ptr() for name, weight in module.named_parameters()}
    given: list[dict[str, torch.Tensor]] = []
    step = "predict_step" if phase == "inference" else "training_step"
    original = getattr(module, step)

    def noting(batch: dict[str, torch.Tensor], batch_idx: int) -> object:
        given.append(batch)
        return original(batch, batch_idx)

    monkeypatch.setattr(module, step, noting)
    monkeypatch.setattr(module, "cpu", lambda: pytest.fail("the model was moved to the CPU"))
    run_steps(module, point, batch, Effort(1, 2, 0.0))
    assert {name: weight.data_ptr() for name, weight in module.named_parameters()} == places
    assert len(given) == 3
    assert all(values is batch[name] for seen in given for name, values in seen.items())
