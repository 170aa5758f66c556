"""Wall time of a call, and the time that the device is at work on it."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

Run = Callable[[], Any]
WARM_UP_S = 0.02
MOST_CALLS = 200


def synchronise(device: str) -> None:
    """Wait until the device has done everything."""
    if device == "cuda":
        torch.cuda.synchronize()


def wall_ms(run: Run, device: str, seconds: float) -> list[float]:
    """Return milliseconds of single calls, the device synchronised at both ends; three at least."""
    for _ in _until(WARM_UP_S, 2):
        run()
        synchronise(device)
    samples = []
    for _ in _until(seconds, 3):
        begin = time.perf_counter()
        run()
        synchronise(device)
        samples.append((time.perf_counter() - begin) * 1e3)
    return samples


def device_ms(run: Run, device: str, calls: int) -> float | None:
    """Return the device's milliseconds per call, of calls in one go; None on a CPU.

    What the host needs to launch is hidden only where a call takes the device longer than that.
    """
    if device != "cuda":
        return None
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        run()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / calls


def time_run(run: Run, device: str, seconds: float) -> dict[str, Any]:
    """Return the median wall time and the device's time per call, in ms."""
    samples = wall_ms(run, device, seconds)
    wall = statistics.median(samples)
    calls = max(3, min(MOST_CALLS, int(seconds * 1e3 / wall)))
    return {"wall_ms": wall, "device_ms": device_ms(run, device, calls), "samples": len(samples)}


def _until(seconds: float, at_least: int) -> Any:
    began, count = time.perf_counter(), 0
    while count < at_least or time.perf_counter() - began < seconds:
        yield count
        count += 1
