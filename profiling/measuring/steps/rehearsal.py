"""A step that does not count, of a small model of the same kind, before the model that counts."""

import gc
from dataclasses import replace

import torch

from datamodules.modality import MODALITIES
from lightning_modules.kernel_limits import COMPILED_BY_TORCH
from lightning_modules.variants import find_variant
from profiling.instruments.memory import return_freed_pages
from profiling.measuring.process_limits import forget, set_threads
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort

SHORT = 64


def rehearse(point: Point) -> None:
    """Make one step of the point's variant and phase, at size tiny on a short synthetic input.

    The first step of a process reads in the pages of the kernels' code, 3 to 6 MiB in training,
    which count in the kernel's high-water mark; and it starts the threads, which could not be
    started any more once memory is scarce. The seed of the point is set again afterwards. What
    is compiled for its input, a kernel or a model, in half a minute, is not rehearsed.

    Args:
        point: What will be measured.
    """
    if point.compiled or point.implementation in COMPILED_BY_TORCH:
        return
    set_threads(point.conditions.threads)
    shortest = find_variant(point.modality, point.variant).minimum_length
    length = MODALITIES[point.modality].round_length(max(SHORT, shortest))
    small = replace(
        point,
        length=length,
        max_length=length,
        conditions=replace(point.conditions, size="tiny"),
        graphed=False,
        checkpoint=None,
        batches=None,
    )
    run_steps(build_point(small), small, batch_of(small, 1), Effort(0, 1, 0.0))
    gc.collect()
    forget(point.conditions.device)
    if point.conditions.device == "cpu":
        return_freed_pages()
    torch.manual_seed(point.conditions.seed)
