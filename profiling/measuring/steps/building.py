"""A point's model and batch, as its processes build them."""

import mmap
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from datamodules.base import ModalityData
from datamodules.modality import MODALITIES
from lightning_modules.checkpoints.pretrained import read_config
from lightning_modules.errors import ModelError
from lightning_modules.models.base import VariantModule
from lightning_modules.reduced_precision import refuse_wrong_convolutions
from lightning_modules.variants import build_module
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.paths.compiling import compile_module
from profiling.measuring.paths.graphing import graph_module
from profiling.planning.points import Point


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
        ModelError: The CPU computes a convolution of it wrongly in its precision, or the data have
            tokens that its checkpoint does not know.
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
    _refuse_unknown_tokens(module, point)
    module.to(place)  # also the few tensors that transformers makes on the CPU wherever it builds
    if place.type == "cpu":
        refuse_wrong_convolutions(module, point.conditions.precision)
    if point.compiled:
        compile_module(module, point.conditions.threads)
    if point.graphed:
        graph_module(module)
    return module


def _refuse_unknown_tokens(module: VariantModule, point: Point) -> None:
    """Raise ModelError where real texts have more token ids than a checkpoint."""
    is_real = point.batches is not None
    if is_real and point.modality == "text" and point.num_classes > module.num_classes:
        raise ModelError(
            f"`checkpoint` {point.checkpoint} must have an embedding for each of "
            f"{point.num_classes:,} token ids, as many as `data` has, got {module.num_classes:,}"
        )


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
        config = read_config(point.checkpoint)
        num_classes = getattr(config, modality.classes_field)
    module, name = modality.synthetic.split(":")
    data: ModalityData = getattr(import_module(module), name)(num_classes=num_classes)
    return data
