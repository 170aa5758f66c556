"""Memory of a point's steps: the loaded model, the first step, a later one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import lightning
import torch
from torch import nn

from profiling.instruments.memory import MIB, PeakMemory
from profiling.instruments.steps import Sample
from profiling.measuring.paths.graphing import held_by_recordings_mib
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
        self._workspace = Workspace(point.conditions.device)

    def before(self, check: lightning.Callback) -> list[lightning.Callback]:
        """Return the callbacks of the run, of which `check` is the only other one."""
        return [self.peak.when_loaded(), check, self._first, self._workspace]

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
            "workspace_mib": self._workspace.mib,
        }


class Workspace(lightning.Callback):
    """Reads after the last step what products of matrices keep of a GPU's memory for themselves.

    It counts in every peak, above the weights, and is the same for all models of a device. To be
    read it is given back; the next product takes it again. Lightning gives it back itself when a
    run is over, so that nothing is left to be read after it. Whoever looks at the memory in use
    after the last step must come before.

    Attributes:
        mib: What was read; None on a CPU, and before.
    """

    def __init__(self, device: str) -> None:
        """Read of a device: "cpu", "cuda"."""
        self.mib: float | None = None
        self._device = device

    def on_train_end(self, *_: Any) -> None:
        """Read after the last training step."""
        self.mib = workspace_mib(self._device)

    def on_predict_end(self, *_: Any) -> None:
        """Read after the last prediction."""
        self.mib = workspace_mib(self._device)


def workspace_mib(device: str) -> float | None:
    """Give back the workspace of products of matrices; return what it was, None on a CPU."""
    if device != "cuda":
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch._C._cuda_clearCublasWorkspaces()
    return (before - torch.cuda.memory_allocated()) / MIB


def with_held(samples: Sequence[Sample], module: nn.Module) -> list[Sample]:
    """Add to the peaks what recordings of the module hold, which no step allocates."""
    held_mib = held_by_recordings_mib(module)
    return [
        sample
        if sample.peak_memory_mib is None
        else replace(sample, peak_memory_mib=sample.peak_memory_mib + held_mib)
        for sample in samples
    ]
