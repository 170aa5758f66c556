"""Measure one point in this process: the tasks of a measuring child."""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning import LightningModule, Trainer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, IterableDataset

from datamodules.base import ModalityData
from datamodules.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision
from lightning_modules.base import VariantModule
from lightning_modules.errors import ModelError
from lightning_modules.variants import build_module
from profiling.callback import ProfilingCallback
from profiling.limits import forget, is_out_of_memory, limit_memory, set_threads
from profiling.memory import PeakMemory, check_peak, return_freed_pages
from profiling.plan import Point
from profiling.samples import Sample, summarise
from profiling.tasks import Effort, Task

Batch = dict[str, torch.Tensor]


def measure_latency(task: Task) -> dict[str, Any]:
    """Return latency fields of a row at batch size 1, and the facts about the model."""
    point = task.point
    _prepare(point)
    module = _build(point)
    check = ActivePathCheck(point, batch_size=1)
    samples = _run(module, point, _batch(point, 1), task.effort, [check])
    latencies = [sample.latency_ms for sample in samples]
    kernel = {"attention_kernel": check.kernel}
    return _facts(module, point) | kernel | summarise("latency_ms", latencies)


def measure_throughput(task: Task) -> dict[str, Any]:
    """Return throughput fields: the best of batches 1, 2, 4, ... within budget, measured again.

    The search ends at the memory budget, at `max_batch_size`, or when it has taken ten times the
    seconds of a measurement; `largest_batch_limited_by` tells which.
    """
    point = task.point
    _prepare(point)
    short = Effort(1, 2, task.effort.seconds / 4)
    rates: dict[int, float] = {}
    facts: dict[str, Any] = {}
    limited_by, batch_size, seconds = "cap", 1, 0.0
    while batch_size <= point.conditions.max_batch_size:
        if seconds > 10 * task.effort.seconds:
            limited_by = "time"
            break
        samples = _try_batch(point, batch_size, short, facts)
        if samples is None:
            limited_by = "memory"
            break
        rates[batch_size] = batch_size / _median_s(samples)
        seconds += sum(sample.latency_ms for sample in samples) / 1e3
        batch_size *= 2
    if not rates:
        raise torch.OutOfMemoryError("out of memory at batch size 1")
    best = max(rates, key=lambda size: rates[size])
    again = best / _median_s(_try_batch(point, best, task.effort, facts) or [])
    return facts | {
        "throughput_samples_per_s": again,
        "throughput_batch_size": best,
        "largest_batch_size": max(rates),
        "largest_batch_limited_by": limited_by,
    }


def measure_memory(task: Task) -> dict[str, Any]:
    """Return memory fields at batch size 1: one step after a warm-up at full length."""
    point = task.point
    device = point.conditions.device
    _prepare(point)
    batch = _batch(point, 1)
    if device == "cpu":
        check_peak()
        return_freed_pages()
    memory = PeakMemory(device)
    module = _build(point)
    if device == "cuda":
        module.to(device)
    memory.loaded()
    check = ActivePathCheck(point, batch_size=1)
    samples = _run(module, point, batch, Effort(2, 1, 0.0), [check], memory)
    peak = max(sample.peak_memory_mib or 0.0 for sample in samples)
    above = {"memory_above_weights_mib": peak - memory.weights_mib}
    return _facts(module, point) | {"peak_memory_mib": peak} | above


def describe_cuda(_: None) -> dict[str, Any]:
    """Return name and usable memory of the CUDA device.

    Raises:
        ModelError: There is none.
    """
    if not torch.cuda.is_available():
        raise ModelError("`device` cuda needs a CUDA device, and this machine has none; use cpu")
    properties = torch.cuda.get_device_properties(0)
    return {"name": properties.name, "memory_gib": round(properties.total_memory * 0.8 / 2**30, 1)}


class ActivePathCheck(lightning.Callback):
    """Run one forward, first, and check shape, active path and kernel; check the path at the end.

    Raises (through the Trainer):
        RuntimeError: The output has another shape, or the efficient path is not the one that ran.
    """

    def __init__(self, point: Point, batch_size: int) -> None:
        """Check runs of `point` with batches of `batch_size`."""
        self.point = point
        self.batch_size = batch_size
        self.kernel: str | None = None

    def check_first(self, trainer: Trainer, module: VariantModule, batch: Batch) -> None:
        """Check before anything is measured, with the batch that will be."""
        module.check_active(self.point.length)
        training = self.point.phase == "training"
        was_training = module.training
        module.train(training)
        seen = AttentionKernels()
        # Out of the inference mode in which a prediction runs: there torch does not show which
        # kernel its attention takes.
        leave = torch.inference_mode(False)
        context = trainer.precision_plugin.forward_context()
        with leave, torch.set_grad_enabled(training), context, seen:
            shape = tuple(module(**trainer.strategy.batch_to_device(batch)).shape)
        module.train(was_training)
        expected = module.expected_output_shape(self.point.length, self.batch_size)
        if shape != tuple(expected):
            raise RuntimeError(f"the output must have shape {tuple(expected)}, got {shape}")
        self.kernel = seen.names()
        module.check_active(self.point.length)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that training has not changed the model."""
        self._check_last(pl_module)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that predicting has not changed the model."""
        self._check_last(pl_module)

    def _check_last(self, module: LightningModule) -> None:
        assert isinstance(module, VariantModule)
        module.check_active(self.point.length)


class AttentionKernels(TorchDispatchMode):
    """Notes which of torch's fused attention kernels run inside the context."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self._seen: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        if "scaled_dot_product" in name or "flex_attention" in name:
            self._seen.add(name.strip("_").removeprefix("scaled_dot_product_"))
        elif name == "_safe_softmax":  # torch's attention, taken apart into plain operations
            self._seen.add("math")
        return func(*args, **(kwargs or {}))

    def names(self) -> str | None:
        """Return the kernels, joined by "+"; None when attention was not fused."""
        return "+".join(sorted(self._seen)) or None


class Repeated(IterableDataset[Batch]):
    """One batch, until `enough` says so."""

    def __init__(self, batch: Batch, enough: Callable[[], bool]) -> None:
        """Ask `enough` before each repetition."""
        self._batch = batch
        self._enough = enough

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batch again and again."""
        while not self._enough():
            yield self._batch


def _run(
    module: VariantModule,
    point: Point,
    batch: Batch,
    effort: Effort,
    checks: list[ActivePathCheck],
    memory: PeakMemory | None = None,
) -> list[Sample]:
    profiler = ProfilingCallback(1, effort.num_warmup_steps, memory=memory)
    loader = DataLoader(Repeated(batch, _Enough(profiler, effort)), batch_size=None)
    first = [_First(check, batch) for check in checks]
    trainer = Trainer(
        accelerator="gpu" if point.conditions.device == "cuda" else "cpu",
        devices=1,
        precision=point.conditions.precision,  # type: ignore[arg-type]
        max_epochs=1,
        logger=False,
        callbacks=[*first, *checks, profiler],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if point.phase == "inference":
        trainer.predict(module, loader, return_predictions=False)
    else:
        module.train()
        trainer.fit(module, loader)
    return profiler.samples


class _First(lightning.Callback):
    """Hands the batch to the check when the Trainer has put the module on its device."""

    def __init__(self, check: ActivePathCheck, batch: Batch) -> None:
        self._check = check
        self._batch = batch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._run(trainer, pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._run(trainer, pl_module)

    def _run(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, VariantModule)
        self._check.check_first(trainer, module, self._batch)


class _Enough:
    """Whether the step that is under way will be the last that is needed.

    Lightning fetches one batch ahead, so the question comes one step early: counting the step
    under way saves a whole one, which at long lengths is most of the time.
    """

    def __init__(self, profiler: ProfilingCallback, effort: Effort) -> None:
        self._profiler = profiler
        self._effort = effort
        self._fetched = 0

    def __call__(self) -> bool:
        samples = self._profiler.samples
        soon = self._fetched - self._effort.num_warmup_steps
        self._fetched += 1
        if soon < self._effort.min_samples:
            return False
        mean_s = statistics.fmean(s.latency_ms for s in samples) / 1e3 if samples else 0.0
        return soon * mean_s >= self._effort.seconds or not samples


def _prepare(point: Point) -> None:
    set_threads(point.conditions.threads)
    limit_memory(point.conditions.memory_budget_gib, point.conditions.device)
    torch.manual_seed(point.conditions.seed)


def _facts(module: VariantModule, point: Point) -> dict[str, Any]:
    return {
        "sequence_length": module.sequence_length(point.length),
        "effective_sequence_length": module.effective_length(point.length),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
    }


def _build(point: Point) -> VariantModule:
    settings: dict[str, Any] = dict(point.module_settings)
    if point.attention_window is not None:
        settings["attention_window"] = point.attention_window
    return build_module(
        point.modality,
        point.variant,
        size=point.conditions.size,
        implementation=point.implementation,
        max_length=point.length if point.modality == "vision" else point.max_length,
        dropout=point.conditions.dropout,
        checkpoint=point.checkpoint,
        **settings,
    )


def _try_batch(
    point: Point, batch_size: int, effort: Effort, facts: dict[str, Any]
) -> list[Sample] | None:
    try:
        module = _build(point)
        facts |= _facts(module, point)
        return _run(module, point, _batch(point, batch_size), effort, [])
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
    finally:
        forget(point.conditions.device)
    return None


def _batch(point: Point, batch_size: int) -> Batch:
    if point.batches is None:
        return _synthetic(point).batch_at(point.length, batch_size, seed=point.conditions.seed)
    stored = torch.load(
        Path(point.batches) / f"{point.modality}-{point.length}.pt", weights_only=True
    )
    batch = {name: values[:batch_size] for name, values in stored.items()}
    # The stored batch is a large one: its first samples may need no padding at all.
    if "attention_mask" in batch and bool(batch["attention_mask"].all()):
        del batch["attention_mask"]
    return batch


def _synthetic(point: Point) -> ModalityData:
    makers: dict[str, type[ModalityData]] = {
        "text": SyntheticText,
        "speech": SyntheticSpeech,
        "vision": SyntheticVision,
    }
    return makers[point.modality](**point.module_settings)


def _median_s(samples: list[Sample]) -> float:
    return statistics.median(sample.latency_ms for sample in samples) / 1e3
