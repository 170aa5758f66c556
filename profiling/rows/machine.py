"""What a number was measured with: machine, versions, commit."""

import hashlib
import os
import platform
import re
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from profiling.rows.own_process import PROC, usable_cores

DRIVER = PROC / "driver/nvidia/version"
CONTROL_GROUPS = Path("/sys/fs/cgroup")
ROOT = Path(__file__).resolve().parents[2]
# Those whose version can change a number; they are part of every row's key.
PROJECT = "tipping-point"
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
    limits = (text.split() for text in container_files("cpu.max"))
    quotas = [int(limit[0]) // int(limit[1]) for limit in limits if limit and limit[0].isdigit()]
    return max(1, min([cores, *quotas]))


def cores_for(threads: int) -> list[int]:
    """Return the cores that a measurement with so many threads is bound to, if it is to any."""
    return usable_cores()[:threads]


def memory_gib() -> float:
    """Return the memory of the machine, or of the container, in GiB."""
    limits = [int(limit) for limit in container_files("memory.max") if limit.isdigit()]
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return float(min([total, *limits])) / 2**30


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
    return None if free is None else min([free, *_free_in_containers()]) / 2**30


def _free_in_containers() -> list[int]:
    """Return what each control group that has a limit leaves of it, in bytes."""
    names = ("memory.max", "memory.current", "memory.stat")
    found = []
    for limit, used, counted in zip(*map(container_files, names), strict=False):
        if limit.isdigit() and used.isdigit():
            fields = dict(line.split() for line in counted.splitlines())
            found.append(int(limit) - int(used) + int(fields.get("inactive_file", 0)))
    return found


def default_budget_gib(memory: float) -> float:
    """Return 80 % of a device's memory in GiB, rounded down to a whole one above 2.

    Of all memory, not of what is free: the budget is a condition of every row, and the same
    machine should always come to the same one.
    """
    gib = memory * 0.8
    return float(int(gib)) if gib >= 2 else round(gib, 1)


def container_files(name: str) -> list[str]:
    """Return a file of this process's control group (version 2), then of each group above it.

    The limits of all of them hold, such as that of a user on a login node. A file that is not there
    is empty.
    """
    try:
        own = (PROC / "self/cgroup").read_text().strip().rpartition(":")[2]
    except OSError:
        return []
    group = CONTROL_GROUPS / own.strip("/")
    groups = [each for each in (group, *group.parents) if each.is_relative_to(CONTROL_GROUPS)]
    return [_text_of(each / name) for each in groups]


def _text_of(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


@cache
def library_versions() -> str:
    """Return this project and the libraries that can change a number, with their versions.

    Nothing is imported; what is not installed is left out.
    """
    versions = {PROJECT: _own_version()} | {name: _version(name) for name in LIBRARIES}
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _own_version() -> str | None:
    """Return the version of the code that runs: a checkout may be newer than its installation."""
    try:
        described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    except OSError:
        return _version(PROJECT)
    return str(described["project"]["version"])


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
        "commit": commit(),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else None,
    }


def machines_in(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a manifest says of the machines of its rows, those of earlier commands first."""
    every = [*(manifest.get("earlier") or ()), manifest.get("machine") or {}]
    return [machine for machine in every if machine]


def commit() -> str | None:
    """Return the commit of this code, `-dirty` where it was changed since; None without git."""
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
