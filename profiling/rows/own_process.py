"""What the system tells a process of itself. macOS tells less than Linux: it is none, or None."""

import os
from pathlib import Path

PROC = Path("/proc")
CLEAR_REFS = "self/clear_refs"
RESET_PEAK = "5"


def usable_cores() -> list[int]:
    """Return the cores that this process may use; none where it cannot be bound to some."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def status_kib(field: str) -> int | None:
    """Return a field of what the kernel says of this process, in KiB; None where it has none."""
    try:
        lines = (PROC / "self/status").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith(f"{field}:")]
    return found[0] if found else None


def data_kib() -> int | None:
    """Return what a limit on the data of this process counts now, in KiB; None where unknown."""
    return status_kib("VmData")


def can_reset_peak() -> bool:
    """Tell whether this process can read the peak of its private memory, and begin a new one."""
    return status_kib("RssAnon") is not None and os.access(PROC / CLEAR_REFS, os.W_OK)


def reset_peak() -> None:
    """Begin a new peak at what is resident now."""
    (PROC / CLEAR_REFS).write_text(RESET_PEAK)
