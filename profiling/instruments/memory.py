"""Peak memory of a phase: the allocator's on CUDA, private resident pages on a CPU.

On a CPU the resident size also counts pages of libraries, which are read in the first time a
kernel runs: they are no cost of a model. So only private (anonymous) pages count, and the peak is
taken after a warm-up at full length, from the high-water mark that the kernel lets a process
reset.
"""

import ctypes
import resource
import sys
from typing import Any, Self

import lightning
import torch

from profiling.rows.own_process import can_reset_peak, reset_peak, status_kib

MIB = 2**20
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_MMAP_MAX = -3, -1, -4
LARGE_BLOCK = 16 * 1024
MOST_BLOCKS = 2**16  # of their own, as the C library has it


def return_freed_pages() -> None:
    """Make the C library keep no freed memory: neither what it has now nor what is freed later.

    Freed blocks that it keeps are resident but not used: a model that grows into them would look
    smaller than it is, and one that frees large blocks larger. Only glibc has such settings.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        return
    libc.mallopt(M_MMAP_MAX, MOST_BLOCKS)
    libc.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
    libc.mallopt(M_TRIM_THRESHOLD, LARGE_BLOCK)
    libc.malloc_trim(0)


def resident_mib() -> float:
    """Return the private resident memory of this process now, in MiB.

    Where the system does not tell that, it is the most that was ever resident, libraries included.
    """
    private = status_kib("RssAnon")
    if private is not None:
        return private / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (MIB if sys.platform == "darwin" else 1024)


def peak_mib() -> float:
    """Return the highest private resident memory since `reset_peak`, in MiB.

    Exact while the pages of libraries do not grow: warm up first.
    """
    return (_read("VmHWM") - _read("RssFile") - _read("RssShmem")) / 1024


def library_mib(device: str) -> float:
    """Return what is resident of files, in MiB: on CUDA 0, as it is in no peak there."""
    return 0.0 if device == "cuda" else (_read("RssFile") + _read("RssShmem")) / 1024


def check_peak(size_mib: int = 24, tolerance: float = 0.05) -> None:
    """Measure a tensor of known size.

    Raises:
        RuntimeError: The kernel's peak is off by more than `tolerance`: no memory of this
            machine can be believed.
    """
    torch.ones(size_mib * MIB // 8)  # half the size: reads in the pages of the kernel that fills
    before = resident_mib()
    reset_peak()
    torch.ones(size_mib * MIB // 4)
    seen = peak_mib() - before
    if abs(seen - size_mib) > tolerance * size_mib:
        raise RuntimeError(
            f"a tensor of {size_mib} MiB was measured as {seen:.1f} MiB: this system's "
            "peak memory cannot be believed"
        )


def _read(field: str) -> int:
    kib = status_kib(field)
    if kib is None:
        raise RuntimeError(f"this system tells no {field} of a process: peak memory needs Linux")
    return kib


def supports_peak(device: str) -> bool:
    """Tell whether peak memory can be read: on CUDA, and of a CPU where Linux lets it be reset.

    What is resident on the host says nothing of another accelerator.
    """
    return device == "cuda" or (device == "cpu" and can_reset_peak())


class PeakMemory:
    """Peak of a stretch of work on one device, above what was there when this was made.

    Make it just before the model is built; then `loaded` (or a Trainer with `when_loaded`),
    `reset` and `read` in that order.
    """

    def __init__(self, device: str) -> None:
        """Remember what is resident before the model."""
        self.device = device
        self._before = self._now()
        self._before_model = self._before
        self.weights_mib = 0.0

    @classmethod
    def of_loaded(cls, module: torch.nn.Module, kept_mib: float = 0.0) -> Self:
        """Begin with a model that is already there, taken to be its parameters and buffers.

        Args:
            module: The model.
            kept_mib: What else is already there and belongs to the work that follows.
        """
        tensors = [*module.parameters(), *module.buffers()]
        memory = cls(tensors[0].device.type if tensors else "cpu")
        memory.weights_mib = sum(t.numel() * t.element_size() for t in tensors) / MIB
        memory._before = max(0.0, memory._before - memory.weights_mib - kept_mib)
        return memory

    def about_to_load(self) -> None:
        """Take what is resident now as no part of the model, though it counts in the peak.

        Call it after a rehearsal: the buffers that libraries keep are no weights.
        """
        self._before_model = self._now()

    def loaded(self) -> None:
        """Remember what the loaded model takes."""
        self.weights_mib = self._now() - self._before_model

    def when_loaded(self) -> lightning.Callback:
        """Return a callback that calls `loaded` once a Trainer has moved and converted the model.

        That is later than building it: `precision` may have halved the weights since.
        """
        return _WhenLoaded(self)

    def reset(self) -> None:
        """Begin a new peak."""
        if self.device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        else:
            reset_peak()

    def read(self) -> float:
        """Return the peak since `reset` in MiB, weights included, less what was there before."""
        if self.device == "cuda":
            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated() / MIB - self._before
        return peak_mib() - self._before

    def _now(self) -> float:
        return torch.cuda.memory_allocated() / MIB if self.device == "cuda" else resident_mib()


class NoPeak:
    """Stands for the peak of work of which nobody wants one: none is looked for."""


class _WhenLoaded(lightning.Callback):
    def __init__(self, memory: PeakMemory) -> None:
        self._memory = memory

    def on_train_start(self, *_: Any) -> None:
        self._memory.loaded()

    def on_predict_start(self, *_: Any) -> None:
        self._memory.loaded()
