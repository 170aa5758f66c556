"""The turns that a measuring process takes with those that it is compared with."""

import time
from collections.abc import Callable

import torch

from profiling.instruments.memory import resident_mib

# The seconds of one measurement are divided among so many turns.
TURNS = 4
# Threads that waited for work go on looking for it for some milliseconds, then they fall asleep.
SETTLE_S = 0.006
# What a process holds of a CUDA device beside its tensors.
CONTEXT_GIB = 0.5

HandOver = Callable[[float], None]
"""Called with the GiB that this process holds; returns when its next turn comes."""


class Turn:
    """How long this process may go on before the others have their turn.

    Make it before the model: what it holds is counted from there.

    Args:
        hand_over: Lets the others have their turn; None where there are none.
        device: "cpu" or "cuda".
    """

    def __init__(self, hand_over: HandOver | None, device: str) -> None:
        self._hand_over = hand_over
        self._device = device
        self._before_mib = resident_mib()
        self._began_s = time.perf_counter()

    def is_over(self, seconds_per_measurement: float) -> bool:
        """Tell whether this turn has had its part of the seconds of one measurement."""
        spent_s = time.perf_counter() - self._began_s
        return self._hand_over is not None and spent_s * TURNS >= seconds_per_measurement

    def rest(self) -> float:
        """Let the others have their turn; return the seconds until this one's came again."""
        if self._hand_over is None:
            return 0.0
        ended_s = time.perf_counter()
        time.sleep(SETTLE_S)
        self._hand_over(self._held_gib())
        self._began_s = time.perf_counter()
        return self._began_s - ended_s

    def _held_gib(self) -> float:
        if self._device == "cuda":
            return torch.cuda.memory_reserved() / 2**30 + CONTEXT_GIB
        return max(0.0, resident_mib() - self._before_mib) / 1024
