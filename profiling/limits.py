"""What a measuring process may use: memory and threads."""

import gc
import os
import resource
from pathlib import Path

import torch


def is_out_of_memory(problem: BaseException) -> bool:
    """Tell whether an exception means that memory ran out, on a CPU or a CUDA device."""
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)):
        return True
    signs = ("can't allocate memory", "out of memory", "bad_alloc", "could not create a memory")
    return isinstance(problem, RuntimeError) and any(sign in str(problem) for sign in signs)


def limit_memory(budget_gib: float, device: str) -> None:
    """Let this process take `budget_gib` more than now; what goes beyond raises an exception.

    On Linux the limit on the data size covers every private writable mapping, so an allocation
    fails at once instead of pushing the machine into the arms of the kernel's killer.
    """
    if device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, budget_gib * 2**30 / total))
        return
    status = Path("/proc/self/status").read_text()
    data_kib = int(status.split("VmData:")[1].split()[0])
    limit = data_kib * 1024 + int(budget_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def set_threads(threads: int) -> None:
    """Compute with `threads` threads, on as many cores as that."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


def forget(device: str) -> None:
    """Give back the memory of what is no longer referenced."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
