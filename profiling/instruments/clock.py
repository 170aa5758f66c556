"""Durations of one step and of its parts: every number of a row comes from here."""

import time

import torch

from lightning_modules.allocator import page_faults


class StepClock:
    """Wall time of one step, the device synchronised at both ends, and of the parts between.

    On CUDA the parts come from events, which do not hold up the stream as a synchronisation in
    the middle of the step would.
    """

    def __init__(self, device: torch.device) -> None:
        """Measure on `device`."""
        self._cuda = device.type == "cuda"
        self._marks: dict[str, float | torch.cuda.Event] = {}
        self._start = 0.0
        self._faults = 0
        self.latency_ms: float | None = None
        self.page_faults = 0

    @property
    def started(self) -> bool:
        """Whether a step has begun since `reset`."""
        return "start" in self._marks

    def reset(self) -> None:
        """Forget the last step."""
        self._marks = {}
        self.latency_ms = None

    def start(self) -> None:
        """Begin a step."""
        self.reset()
        self._synchronise()
        self._faults = page_faults()
        self._start = time.perf_counter()
        self.mark("start")

    def mark(self, name: str) -> None:
        """Remember this moment of the step; the last moment of a name counts."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks[name] = event
        else:
            self._marks[name] = time.perf_counter()

    def stop(self) -> None:
        """End the step; with several optimisers the last call counts."""
        self._synchronise()
        self.latency_ms = (time.perf_counter() - self._start) * 1e3
        self.page_faults = page_faults() - self._faults

    def stop_at(self, name: str) -> None:
        """End the step where it passed this mark, or now if it did not."""
        self.stop()
        until_mark = self.between_ms("start", name)
        if until_mark is not None:
            self.latency_ms = until_mark

    def between_ms(self, first: str, last: str) -> float | None:
        """Return the milliseconds between two marks, None when one was not reached."""
        begin, end = self._marks.get(first), self._marks.get(last)
        if begin is None or end is None:
            return None
        if isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
            return float(begin.elapsed_time(end))
        assert isinstance(begin, float)
        assert isinstance(end, float)
        return (end - begin) * 1e3

    def _synchronise(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()
