"""Memory that a process has in use now, to the byte: what it took and has not freed.

Resident memory would not tell: a process that keeps what it frees has more of it than it uses.
"""

from functools import cache

import torch

from lightning_modules.allocator import handed_out
from profiling.instruments.memory import MIB

PROBE_BYTES = 4 * MIB


def allocated_mib(device: str) -> float | None:
    """Return what this process has in use on a device, in MiB; None where it cannot be read.

    On a CPU that is what the C library has handed out; before glibc 2.33, or where another
    allocator takes its place, nobody tells.
    """
    if device == "cuda":
        return torch.cuda.memory_allocated() / MIB
    return handed_out() / MIB if _can_be_read() else None


@cache
def _can_be_read() -> bool:
    """Take a block as torch does, and see whether it is counted."""
    try:
        before = handed_out()
    except AttributeError:  # musl, macOS
        return False
    block = torch.empty(PROBE_BYTES, dtype=torch.uint8)
    return handed_out() - before >= block.nbytes
