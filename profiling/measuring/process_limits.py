"""What a measuring process may use: memory and threads."""

import ctypes
import errno
import gc
import os
import resource

import torch

from lightning_modules.lhubert.chunk_sizes import free_bytes
from profiling.rows.machine import cores_for
from profiling.rows.own_process import data_kib

# What torch, its kernel libraries and the system say; their errors are plain RuntimeErrors.
OOM_SIGNS = (
    "ALLOC_FAILED",
    "Cannot allocate memory",
    "bad_alloc",
    "can't allocate memory",
    "could not create a memory",
    "out of memory",
)
# What the libraries of a GPU say where they get no memory for their own work, and elsewhere, too:
# cuDNN of a convolution for which no kernel finds a workspace, and all of them as they begin.
OOM_SIGNS_WHERE_FULL = (
    "unable to find an engine",
    "STATUS_NOT_INITIALIZED",
    "STATUS_INTERNAL_ERROR",
)
# A GPU of which less is left is full: a workspace may well be as large as what it is for.
FULL_BELOW = 0.25


def is_out_of_memory(problem: BaseException) -> bool:
    """Tell whether an exception means that memory ran out, on a CPU or a CUDA device."""
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    if not isinstance(problem, RuntimeError):
        return False
    said = str(problem)
    if any(sign in said for sign in OOM_SIGNS):
        return True
    return any(sign in said for sign in OOM_SIGNS_WHERE_FULL) and _is_gpu_full()


def _is_gpu_full() -> bool:
    """Tell whether a GPU is here of which this process can take little more."""
    if not torch.cuda.is_available():
        return False
    try:
        device = torch.device("cuda", torch.cuda.current_device())
        _, total = torch.cuda.mem_get_info(device)
        allowed = total * torch.cuda.get_per_process_memory_fraction(device)
        return free_bytes(device) < FULL_BELOW * allowed
    except RuntimeError:  # after an error that ends all work of this process on the device
        return False


def limit_memory(budget_gib: float, device: str) -> None:
    """Let this process take `budget_gib` more than now; what goes beyond raises an exception.

    On Linux the limit on the data size covers every private writable mapping, so an allocation
    fails at once instead of pushing the machine into the arms of the kernel's killer. Where the
    system does not tell how much there is now, nothing is limited: the sweep says so.
    """
    if device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, budget_gib * 2**30 / total))
        return
    data = data_kib()
    if data is None:
        return
    limit = data * 1024 + int(budget_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def set_threads(threads: int) -> None:
    """Compute with `threads` threads, on as many cores as that where a process can be bound."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores_for(threads))
    torch.set_num_threads(threads)


def forget(device: str, keeps: bool = False) -> None:
    """Give back the memory of what is no longer referenced.

    On a CPU the C library keeps what was freed, in pieces, and the limit counts it.

    Args:
        device: "cpu" or "cuda".
        keeps: Whether the pages of a CPU stay with this process.
    """
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif not keeps and hasattr(
        library := ctypes.CDLL(None), "malloc_trim"
    ):  # not in musl, nor in macOS
        library.malloc_trim(0)
