"""What each component of a step takes, exclusive of the parts inside it."""

import time
from collections import defaultdict
from itertools import pairwise

import torch

from profiling.instruments.clock import Moment, between_ms

# Work of the watch itself, in the middle of a step: it belongs to no component.
NOBODY = "nobody"


class ComponentClock:
    """Times the components of one step from the moments at which one gives way to another.

    On CUDA the moments are events in the stream: nothing waits for the device in the middle of a
    step.
    """

    def __init__(self, device: torch.device) -> None:
        """Measure on a device."""
        self._cuda = device.type == "cuda"
        self._moments: list[tuple[str, str, Moment]] = []
        self._pass = "forward"

    def begin_pass(self, name: str) -> None:
        """Begin "forward" or "backward", into which what follows is counted."""
        self._pass = name

    def switched(self, component: str) -> None:
        """Remember that a component begins now, and that the one before it ends.

        In a backward pass, most of whose many operations follow one of the same component, only a
        change is a moment: each takes the host time. The end of the pass is always one.
        """
        goes_on = bool(self._moments) and self._moments[-1][:2] == (component, self._pass)
        if goes_on and self._pass == "backward":
            return
        self._moments.append((component, self._pass, self._now()))

    def milliseconds(self) -> dict[tuple[str, str], float]:
        """Return the time of each (component, pass); the last moment ends the step."""
        if self._cuda:
            torch.cuda.synchronize()
        found: dict[tuple[str, str], float] = defaultdict(float)
        for (component, name, begin), (_, _, end) in pairwise(self._moments):
            if component != NOBODY:
                found[component, name] += between_ms(begin, end)
        return dict(found)

    def _now(self) -> Moment:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
