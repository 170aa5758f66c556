"""Memory of a point's steps: the loaded model, the first step, a later one."""

from collections.abc import Sequence
from typing import Any

import lightning
import torch

from profiling.instruments.memory import MIB, PeakMemory
from profiling.instruments.steps import Sample
from profiling.measuring.steps.first_step import FirstStep
from profiling.planning.points import Point


def memory_beside_speed(point: Point) -> bool:
    """Tell whether the process that times steps reads their memory as well: on CUDA alone."""
    return point.conditions.device == "cuda" and "memory" in point.metrics


class MemoryOfSteps:
    """Follows the memory of a run; make it before the model, and after the batch.

    Attributes:
        peak: What reads it.
    """

    def __init__(self, point: Point) -> None:
        """Begin with what is there now."""
        self.peak = PeakMemory(point.conditions.device)
        self._first = FirstStep(self.peak)

    def before(self, check: lightning.Callback) -> list[lightning.Callback]:
        """Return the callbacks of the run, of which `check` is the only other one."""
        return [self.peak.when_loaded(), check, self._first]

    def fields(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Return what a row says of memory.

        Args:
            samples: Of the steps after the warm-up, with their peaks.
        """
        peak = max(sample.peak_memory_mib or 0.0 for sample in samples)
        return {
            "loaded_memory_mib": self.peak.weights_mib,
            "first_step_peak_mib": self._first.peak_mib,
            "peak_memory_mib": peak,
            "memory_above_weights_mib": peak - self.peak.weights_mib,
            "workspace_mib": workspace_mib(self.peak.device),
        }


def workspace_mib(device: str) -> float | None:
    """Return what products of matrices keep of a GPU's memory for themselves; null on a CPU.

    It counts in every peak, above the weights, and is the same for all models of a device. It is
    given back, and taken again by the next product.
    """
    if device != "cuda":
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch._C._cuda_clearCublasWorkspaces()
    return (before - torch.cuda.memory_allocated()) / MIB
