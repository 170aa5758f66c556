"""Durations of one step and of its parts: every number of a row comes from here."""

import time
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch

from lightning_modules.allocator import page_faults

Moment = float | torch.cuda.Event
# Devices on which a moment in the middle of a step can be told without holding the work up.
KNOWS_MOMENTS = ("cpu", "cuda")


class StepClock:
    """Wall time of one step, the device synchronised at both ends, and of the parts between.

    On CUDA the parts come from events, which do not hold up the stream as a synchronisation in
    the middle of the step would. On another accelerator the parts are unknown, and a step that
    ends at its last mark ends when that is said: the host passes the mark before the work is done.
    """

    def __init__(self, device: torch.device, part_of: Mapping[tuple[str, str], str]) -> None:
        """Measure on a device.

        Args:
            device: Where the step computes.
            part_of: The part to which the stretch from one mark to the next belongs, by the names
                of both; other stretches belong to none.

        Raises:
            RuntimeError: Nothing can wait for the work of such a device.
        """
        self._cuda = device.type == "cuda"
        self._knows_moments = device.type in KNOWS_MOMENTS
        self._synchronise = find_synchronise(device)
        self._part_of = part_of
        self._marks: list[tuple[str, Moment]] = []
        self._start = 0.0
        self._faults = 0
        self.latency_ms: float | None = None
        self.page_faults = 0

    @property
    def started(self) -> bool:
        """Whether a step has begun since `reset`."""
        return bool(self._marks)

    def reset(self) -> None:
        """Forget the last step."""
        self._marks = []
        self.latency_ms = None

    def mark(self, name: str) -> None:
        """Remember this moment of the step; the first one begins it."""
        if not self._marks:
            self._synchronise()
            self._faults = page_faults()
            self._start = time.perf_counter()
        self.latency_ms = None
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append((name, event))
        else:
            self._marks.append((name, time.perf_counter()))

    def stop(self) -> None:
        """End the step here; a mark that follows takes it back."""
        self._synchronise()
        self.latency_ms = (time.perf_counter() - self._start) * 1e3
        self.page_faults = page_faults() - self._faults

    def stop_at_last_mark(self) -> None:
        """End the step at its last mark, unless it has ended since."""
        if self.latency_ms is None:
            self.stop()
            if self._knows_moments:
                self.latency_ms = between_ms(self._marks[0][1], self._marks[-1][1])

    def part_ms(self, part: str) -> float | None:
        """Return the sum of a part's stretches in milliseconds, None when there was none."""
        if not self._knows_moments:
            return None
        stretches = [
            between_ms(begin, end)
            for (first, begin), (last, end) in pairwise(self._marks)
            if self._part_of.get((first, last)) == part
        ]
        return sum(stretches) if stretches else None


def find_synchronise(device: torch.device) -> Callable[[], None]:
    """Return what waits until a device has done its work; on a CPU there is nothing to wait for.

    Raises:
        RuntimeError: Nothing can wait for the work of such a device.
    """
    if device.type == "cpu":
        return lambda: None
    if device.type == "cuda":
        return torch.cuda.synchronize
    here = torch.accelerator.current_accelerator()
    if here is None or here.type != device.type:
        raise RuntimeError(f"torch cannot wait for the work of {device.type}")
    return lambda: torch.accelerator.synchronize(device)


def between_ms(begin: Moment, end: Moment) -> float:
    """Return the milliseconds between two moments of one kind."""
    if isinstance(begin, torch.cuda.Event):
        assert isinstance(end, torch.cuda.Event)
        return float(begin.elapsed_time(end))
    assert isinstance(end, float)
    return (end - begin) * 1e3
