"""What a number was measured with: machine, versions, commit."""

import hashlib
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from profiling.rows.own_process import PROC, usable_cores

DRIVER = PROC / "driver/nvidia/version"
ROOT = Path(__file__).resolve().parents[2]
# Those whose version can change a number; they are part of every row's key.
LIBRARIES = ("lightning", "torch", "torchaudio", "torchvision", "transformers")


def cpu_name() -> str:
    """Return the processor's name as the kernel gives it."""
    try:
        lines = (PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def available_threads() -> int:
    """Return the number of cores that this process, in its container, may use."""
    cores = len(usable_cores()) or os.cpu_count() or 1
    quota, _, period = container_file("cpu.max").partition(" ")
    return max(1, min(cores, int(quota) // int(period))) if quota.isdigit() else cores


def cores_for(threads: int) -> list[int]:
    """Return the cores that a measurement with so many threads is bound to, if it is to any."""
    return usable_cores()[:threads]


def memory_gib() -> float:
    """Return the memory of the machine, or of the container, in GiB."""
    limit = container_file("memory.max")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return float(min(total, int(limit)) if limit.isdigit() else total) / 2**30


def free_memory_gib() -> float | None:
    """Return what the machine, or the container, has left, in GiB; None where nobody tells.

    Caches of files count as free: the system gives them up.
    """
    try:
        lines = (PROC / "meminfo").read_text().splitlines()
    except OSError:
        return None
    known = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    free = known.get("MemAvailable")
    limit, used = container_file("memory.max"), container_file("memory.current")
    if free is not None and limit.isdigit() and used.isdigit():
        fields = dict(line.split() for line in container_file("memory.stat").splitlines())
        free = min(free, int(limit) - int(used) + int(fields.get("inactive_file", 0)))
    return None if free is None else free / 2**30


def default_budget_gib(memory: float) -> float:
    """Return 80 % of a device's memory in GiB, rounded down to a whole one above 2.

    Of all memory, not of what is free: the budget is a condition of every row, and the same
    machine should always come to the same one.
    """
    gib = memory * 0.8
    return float(int(gib)) if gib >= 2 else round(gib, 1)


def container_file(name: str) -> str:
    """Return a file of this process's control group (version 2), empty where there is none."""
    try:
        group = (PROC / "self/cgroup").read_text().strip().rpartition(":")[2]
        return Path(f"/sys/fs/cgroup{group}", name).read_text().strip()
    except OSError:
        return ""


@cache
def library_versions() -> str:
    """Return the libraries that can change a number with their versions, without importing.

    One that is not installed is left out.
    """
    versions = {name: _version(name) for name in LIBRARIES}
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver as the kernel has loaded it; None without one."""
    try:
        loaded = DRIVER.read_text()
    except OSError:
        return None
    found = re.search(r"Kernel Module.*?(\d+(?:\.\d+)+)", loaded)
    return found[1] if found else None


def describe_machine() -> dict[str, Any]:
    """Return machine, versions, commit and date for `manifest.json`."""
    lock = ROOT / "requirements.lock"
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_name(),
        "cores": available_threads(),
        "memory_gib": round(memory_gib(), 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": library_versions(),
        "commit": _commit(),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else None,
    }


def _commit() -> str | None:
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
