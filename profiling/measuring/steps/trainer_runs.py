"""Run a point's phase again and again through the Trainer, and keep what each step cost."""

from collections.abc import Callable, Sequence

import lightning
import torch
from lightning import Trainer
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch.utils.data import DataLoader

from lightning_modules.kernel_choice import choose_arithmetic, choose_sdpa
from lightning_modules.models.base import VariantModule
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.components.broken_steps import BrokenStep
from profiling.instruments.memory import NoPeak, PeakMemory
from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import Batch
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
    `warm_up_s` at least. Without `memory` there are no peaks; in those of the samples is what
    recordings of the module hold.
    """
    breakdown = broken is not None
    warm_up = (opening.effort if opening else effort).num_warmup_steps
    profiler = ProfilingCallback(1, warm_up, memory=memory or NoPeak(), breakdown=breakdown)
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
