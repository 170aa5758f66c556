"""A step of a model in a loop that does nothing else: what a sweep's latencies are held against."""

import time

import torch

from lightning_modules.models.base import VariantModule
from profiling.instruments.clock import find_synchronise
from profiling.measuring.paths.active_path import Batch


def bare_step(
    module: VariantModule, optimizer: torch.optim.Optimizer, batch: Batch, phase: str
) -> float:
    """Make one step and return its seconds, the device synchronised at both ends."""
    synchronise = find_synchronise(module.device)
    synchronise()
    begin = time.perf_counter()
    if phase == "inference":
        with torch.inference_mode():
            module.predict_step(batch, 0)
    else:
        module.loss(module(**batch), batch).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    synchronise()
    return time.perf_counter() - begin
