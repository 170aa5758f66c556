"""How long a kernel takes: by the wall on a CPU, by the device itself on CUDA.

There a single call of a short kernel is over before the host has launched the next one. So calls
are captured and replayed, as in `profile.py gpu-check`; what cannot be captured is launched several
times in one go, and the host's time may be in it.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from profiling.checking.on_device.timing import (
    LAUNCHES,
    MOST_TOGETHER,
    REPLAYS,
    device_ms,
    replay_of,
    synchronise,
)

ROUNDS = 5
SECONDS_PER_ROUND = 0.2
# A product that takes the device longer than the host takes to launch it.
PRODUCT_SIDE = {"cpu": 1024, "cuda": 8192}
Run = Callable[[], Any]


def why_not(run: Run, device: str = "cpu") -> str | None:
    """Try it once; return why it cannot run here."""
    try:
        run()
        synchronise(device)
    except (ValueError, RuntimeError) as problem:
        return (str(problem).splitlines() or [type(problem).__name__])[0]
    return None


class Clock:
    """Reads how long a unit of work takes that has run before.

    Args:
        run: The work.
        device: Where it is done.

    Attributes:
        units: Of a reading.
        timed_in: On CUDA replays or launches; None on a CPU.
    """

    def __init__(self, run: Run, device: str) -> None:
        self._run, self._device = run, device
        self._replay: Run | None = None
        self.units = 1
        self.timed_in: str | None = None
        if device == "cuda":
            in_a_round = SECONDS_PER_ROUND / timed(run, device)
            self.units = max(1, min(MOST_TOGETHER, int(in_a_round / 3)))
            self._replay = replay_of(run, self.units)
            self.timed_in = REPLAYS if self._replay else LAUNCHES
            self.read()  # the first replay brings the graph to the device

    def read(self) -> float:
        """Return the seconds of a unit."""
        if self.timed_in is None:
            return timed(self._run, self._device)
        run, calls = (self._replay, 1) if self._replay else (self._run, self.units)
        milliseconds = device_ms(run, self._device, calls)
        assert milliseconds is not None
        return milliseconds * calls / self.units / 1e3


def timed(run: Run, device: str) -> float:
    """Return the seconds of one run, the device synchronised at both ends."""
    synchronise(device)
    begin = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - begin


def product_rate(dtype: torch.dtype, device: str) -> float:
    """Return the operations per second of a large product of square matrices."""
    side, generator = PRODUCT_SIDE[device], torch.Generator().manual_seed(0)
    # Drawn on the CPU: after a capture that broke, CUDA draws nothing any more.
    left, right = (torch.randn(side, side, generator=generator).to(device, dtype) for _ in range(2))
    multiply = partial(torch.matmul, left, right)
    multiply()
    clock = Clock(multiply, device)
    times = [clock.read() for _ in range(23)]
    return 2 * side**3 / statistics.median(times[3:])


def time_alternating(runs: dict[Any, Run], device: str, rounds: int = ROUNDS) -> dict[Any, float]:
    """Return the median seconds of each, taken in rounds of alternating order."""
    return alternate({key: Clock(run, device) for key, run in runs.items()}, rounds)


def alternate(clocks: dict[Any, Clock], rounds: int = ROUNDS) -> dict[Any, float]:
    """Return the median seconds of each clock, read in rounds of alternating order."""
    times: dict[Any, list[float]] = {key: [] for key in clocks}
    for number in range(rounds):
        for key in list(clocks) if number % 2 == 0 else reversed(list(clocks)):
            clock = clocks[key]
            once = clock.read() * clock.units
            for _ in range(max(2, int(SECONDS_PER_ROUND / once))):
                times[key].append(clock.read())
    return {key: statistics.median(values) for key, values in times.items()}
