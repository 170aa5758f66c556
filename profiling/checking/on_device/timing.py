"""Wall time of a call, and the time that the device is at work on it."""

import statistics
import time
from typing import Any

import torch

from profiling.measuring.paths.capturing import Run, captured
from profiling.planning.requests import WARM_UP_S

# Of a device that is awake: what a case does first takes longer.
FIRST_CALLS_S = 0.02
SIDE = 2048
MOST_CALLS = 200
# Calls of one replay: to launch a graph of one short kernel takes the host as long as the kernel.
MOST_TOGETHER = 10
REPLAYS, LAUNCHES = "replays", "launches"


def synchronise(device: str) -> None:
    """Wait until the device has done everything."""
    if device == "cuda":
        torch.cuda.synchronize()


def wake(device: str) -> None:
    """Keep a GPU at work until its clock has risen: it falls while the host builds or imports."""
    seconds = WARM_UP_S.get(device)
    if seconds is None:
        return
    matrix = torch.randn(SIDE, SIDE, device=device)
    for _ in _until(seconds, 1):
        torch.mm(matrix, matrix)
        synchronise(device)


def wall_ms(run: Run, device: str, seconds: float) -> list[float]:
    """Return milliseconds of single calls, the device synchronised at both ends; three at least.

    A GPU should be awake: see `wake`.
    """
    for _ in _until(FIRST_CALLS_S, 2):
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
    """Return the median wall time and the device's time per call, in ms.

    The device is timed in replays of the call (`device_ms_from`); where it cannot be captured, in
    launches, and then the host's time may be in it.
    """
    samples = wall_ms(run, device, seconds)
    wall = statistics.median(samples)
    calls = max(3, min(MOST_CALLS, int(seconds * 1e3 / wall)))
    found = {"wall_ms": wall, "samples": len(samples)}
    if device != "cuda":
        return found | {"device_ms": None, "device_ms_from": None}
    together = min(MOST_TOGETHER, calls // 3)
    replay = replay_of(run, together)
    if replay is None:
        return found | {"device_ms": device_ms(run, device, calls), "device_ms_from": LAUNCHES}
    replay()  # the first one brings the graph to the device
    busy = device_ms(replay, device, max(3, calls // together))
    assert busy is not None
    return found | {"device_ms": busy / together, "device_ms_from": REPLAYS}


def replay_of(run: Run, together: int) -> Run | None:
    """Return what replays a call, which has been warmed up; None where it cannot be captured.

    Args:
        run: What is called.
        together: How many calls one replay makes.
    """
    try:
        return captured(run, 1, together)[0]
    except Exception:
        return None


def _until(seconds: float, at_least: int) -> Any:
    began, count = time.perf_counter(), 0
    while count < at_least or time.perf_counter() - began < seconds:
        yield count
        count += 1
