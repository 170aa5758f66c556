"""Run a point's phase again and again through the Trainer, and keep what each step cost."""

import mmap
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning import Trainer
from torch.utils.data import DataLoader, IterableDataset
from transformers import AutoConfig

from datamodules.base import ModalityData
from datamodules.modality import MODALITIES
from lightning_modules.models.base import VariantModule
from lightning_modules.variants import build_module
from profiling.instruments.broken_steps import BrokenStep
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.memory import PeakMemory
from profiling.instruments.steps import Sample
from profiling.measuring.active_path import Batch
from profiling.measuring.compiling import compile_module
from profiling.measuring.process_limits import limit_memory, set_threads
from profiling.planning.points import Point
from profiling.planning.requests import Effort


def run_steps(  # noqa: PLR0913 - each of its callers leaves most of them as they are
    module: VariantModule,
    point: Point,
    batch: Batch,
    effort: Effort,
    checks: Sequence[lightning.Callback] = (),
    memory: PeakMemory | None = None,
    before_step: Callable[[int], None] = lambda number: None,
    broken: list[BrokenStep] | None = None,
) -> list[Sample]:
    """Run predictions or training steps on one batch; return the measured ones.

    `checks` are further callbacks, called before the one that measures; `before_step` is called
    between two steps, with the number of the next one that is measured, counted from 0. Where
    there is a list for them, every second step is broken down into components instead.
    """
    breakdown = broken is not None
    profiler = ProfilingCallback(1, effort.num_warmup_steps, memory=memory, breakdown=breakdown)
    enough = _Enough(profiler, effort, before_step)
    loader = DataLoader(_Repeated(batch, enough), batch_size=None)
    trainer = Trainer(
        accelerator="gpu" if point.conditions.device == "cuda" else "cpu",
        devices=1,
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
    return profiler.samples


def prepare_process(point: Point) -> None:
    """Give this process the point's threads, memory and seed."""
    set_threads(point.conditions.threads)
    limit_memory(point.conditions.memory_budget_gib, point.conditions.device)
    torch.manual_seed(point.conditions.seed)


def facts_of(module: VariantModule, point: Point) -> dict[str, Any]:
    """Return the fields of a row that only a built model knows."""
    return {
        "size": module.size,
        "sequence_length": module.sequence_length(point.length),
        "effective_sequence_length": module.effective_length(point.length),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
    }


def build_point(point: Point) -> VariantModule:
    """Build the point's model, fresh; it is compiled in its first step, where that is asked for."""
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
    if point.compiled:
        compile_module(module, point.conditions.threads)
    return module


def batch_of(point: Point, batch_size: int) -> Batch:
    """Return a batch at the point's length: stored real samples, or synthetic ones."""
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


class _Repeated(IterableDataset[Batch]):
    """One batch, until `enough` says so."""

    def __init__(self, batch: Batch, enough: Callable[[], bool]) -> None:
        """Ask `enough` before each repetition."""
        self._batch = batch
        self._enough = enough

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batch again and again."""
        while not self._enough():
            yield self._batch


class _Enough:
    """Whether the step that is under way will be the last that is needed.

    Lightning fetches one batch ahead, so the question comes one step early: counting the step
    under way saves a whole one, which at long lengths is most of the time.
    """

    def __init__(
        self, profiler: ProfilingCallback, effort: Effort, before_step: Callable[[int], None]
    ) -> None:
        self._profiler = profiler
        self._effort = effort
        self._before_step = before_step
        self._fetched = 0
        self._last_call = time.perf_counter()

    def __call__(self) -> bool:
        samples = self._profiler.samples
        soon = self._fetched - self._effort.num_warmup_steps
        self._fetched += 1
        since_last_s = time.perf_counter() - self._last_call  # a step, if only of the warm-up
        if soon >= 1:  # the step that is fetched now comes after the next one
            self._before_step(soon - 1)
        self._last_call = time.perf_counter()
        if soon < self._effort.min_samples:
            return False
        known = [sample.latency_ms / 1e3 for sample in samples]
        return (
            soon * statistics.fmean(known or [since_last_s]) >= self._effort.seconds_per_measurement
        )
