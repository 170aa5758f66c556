"""Run a point's phase again and again through the Trainer, and keep what each step cost."""

import mmap
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning import Trainer
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch.utils.data import DataLoader
from transformers import AutoConfig

from datamodules.base import ModalityData
from datamodules.modality import MODALITIES
from lightning_modules.kernel_choice import choose_arithmetic, choose_sdpa
from lightning_modules.models.base import VariantModule
from lightning_modules.reduced_precision import refuse_wrong_convolutions
from lightning_modules.variants import build_module
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.components.broken_steps import BrokenStep
from profiling.instruments.memory import PeakMemory
from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.paths.compiling import compile_module
from profiling.measuring.paths.graphing import graph_module
from profiling.measuring.process_limits import limit_memory, set_threads
from profiling.measuring.steps.memory_of_steps import with_held
from profiling.measuring.steps.pace import Opening, Pace, Repeated
from profiling.measuring.steps.placement import StayingStrategy
from profiling.planning.points import Conditions, Point
from profiling.planning.requests import Effort


def run_steps(  # noqa: PLR0913 - each of its callers leaves most of them as they are
    module: VariantModule,
    point: Point,
    batch: Batch | Sequence[Batch],
    effort: Effort,
    checks: Sequence[lightning.Callback] = (),
    memory: PeakMemory | None = None,
    before_step: Callable[[int], None] = lambda number: None,
    broken: list[BrokenStep] | None = None,
    opening: Opening | None = None,
    warm_up_s: float = 0.0,
) -> list[Sample]:
    """Run predictions or training steps on one batch, or on some in turn; return the measured ones.

    `checks` are further callbacks, called before the one that measures; `before_step` is called
    before each measured step, with its number, counted from 0. Where there is a list for them,
    every second step is broken down into components instead. An `opening` comes before the
    measured steps, is not among them, and may decide that there will be none. The warm-up takes
    `warm_up_s` at least. In the peaks of the samples is what recordings of the module hold.
    """
    breakdown = broken is not None
    warm_up = (opening.effort if opening else effort).num_warmup_steps
    profiler = ProfilingCallback(1, warm_up, memory=memory, breakdown=breakdown)
    pace = Pace(profiler, effort, before_step, opening, warm_up_s)
    batches = [batch] if isinstance(batch, dict) else batch
    loader = DataLoader(Repeated(batches, pace), batch_size=None)
    trainer = Trainer(
        accelerator="gpu" if point.conditions.device == "cuda" else "cpu",
        strategy=StayingStrategy(point.conditions.device),
        devices=1,
        plugins=LightningEnvironment(),  # a process of its own, whatever SLURM says of its parent
        precision=point.conditions.precision,  # type: ignore[arg-type]
        max_epochs=1,
        logger=False,
        callbacks=[*checks, profiler],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if point.phase == "inference":
        trainer.predict(module, loader, return_predictions=False)
    else:
        module.train()
        trainer.fit(module, loader)
    if broken is not None:
        broken += profiler.broken_steps
    return with_held(pace.samples, module)


def prepare_process(point: Point) -> None:
    """Give this process the point's threads, memory, seed and, on a GPU, choice of kernels."""
    set_threads(point.conditions.threads)
    limit_memory(point.conditions.memory_budget_gib, point.conditions.device)
    torch.manual_seed(point.conditions.seed)
    choose_kernels(point.conditions)


def choose_kernels(conditions: Conditions) -> None:
    """Say what torch would choose by itself on a GPU; nothing of it concerns a CPU."""
    if conditions.sdpa_backend is None:
        return
    choose_arithmetic(bool(conditions.tf32), bool(conditions.cudnn_benchmark))
    choose_sdpa(conditions.sdpa_backend)


def facts_of(module: VariantModule, point: Point) -> dict[str, Any]:
    """Return the fields of a row that only a built model knows."""
    return {
        "size": module.size,
        "sequence_length": module.sequence_length(point.length),
        "effective_sequence_length": module.effective_length(point.length),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
    }


def build_point(point: Point, device: str | None = None) -> VariantModule:
    """Build the point's model, fresh; it is compiled in its first step, where that is asked for.

    Random weights are drawn where they stay: on a CPU the largest models take seconds.

    Args:
        point: What is measured.
        device: Where the model is built; None takes the point's own.

    Raises:
        ModelError: The CPU computes a convolution of it wrongly in its precision.
    """
    place = torch.device(device or point.conditions.device)
    # A checkpoint's weights come from a file: transformers loads them on the CPU, or asks for a
    # further library.
    with nullcontext() if point.checkpoint else place:
        module = build_module(
            point.modality,
            point.variant,
            size=point.conditions.size,
            implementation=point.implementation,
            attention_window=point.attention_window,
            max_length=point.max_length,
            dropout=point.conditions.dropout,
            checkpoint=point.checkpoint,
            num_classes=point.num_classes,
        )
    assert isinstance(module, VariantModule)
    module.to(place)  # also the few tensors that transformers makes on the CPU wherever it builds
    if place.type == "cpu":
        refuse_wrong_convolutions(module, point.conditions.precision)
    if point.compiled:
        compile_module(module, point.conditions.threads)
    if point.graphed:
        graph_module(module)
    return module


def batch_of(point: Point, batch_size: int, device: str | None = None) -> Batch:
    """Return a batch at the point's length: stored real samples, or synthetic ones.

    It is on the device already: copied in every step, its way there would be a part of the pace.

    Args:
        point: What is measured.
        batch_size: Samples.
        device: Where the batch is; None takes the point's own.
    """
    place = torch.device(device or point.conditions.device)
    return {name: values.to(place) for name, values in _batch_on_cpu(point, batch_size).items()}


def _batch_on_cpu(point: Point, batch_size: int) -> Batch:
    if point.batches is None:
        return _synthetic(point).batch_at(point.length, batch_size, seed=point.conditions.seed)
    path = Path(point.batches) / f"{point.modality}-{point.length}.pt"
    # Mapped and shared: what is not taken must not count against the memory budget.
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        stored = torch.load(path, weights_only=True, mmap=True)
    batch = {
        name: values[torch.arange(batch_size) % len(values)] for name, values in stored.items()
    }
    # The stored batch is a large one: its first samples may need no padding at all.
    if "attention_mask" in batch and bool(batch["attention_mask"].all()):
        del batch["attention_mask"]
    return batch


def _synthetic(point: Point) -> ModalityData:
    modality = MODALITIES[point.modality]
    num_classes = point.num_classes
    if modality.classes_field and point.checkpoint is not None:
        config = AutoConfig.from_pretrained(point.checkpoint)
        num_classes = getattr(config, modality.classes_field)
    module, name = modality.synthetic.split(":")
    data: ModalityData = getattr(import_module(module), name)(num_classes=num_classes)
    return data
