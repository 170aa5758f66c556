"""Pages for the steps that are timed, taken before they begin."""

from lightning_modules.allocator import take_and_free
from profiling.instruments.memory import MIB, resident_mib

# Of what the warm-up took. A later step finds the heap in other pieces than the one before it, so
# it needs more of it: after a single step of warm-up half as much again was too little.
SHARE = 1.0
LEAST_MIB = 32.0


class Headroom:
    """Room on the heap of a process that keeps what it frees.

    After the warm-up `make` takes more than the steps before it needed, and frees it: the pages
    stay, and what the heap loses to fragments in later steps costs none of their time.
    """

    def __init__(self) -> None:
        """Remember what is resident before the model is built."""
        self._before_mib = resident_mib()

    def make(self) -> None:
        """Have the pages ready."""
        grown_mib = max(0.0, resident_mib() - self._before_mib)
        take_and_free(int((LEAST_MIB + SHARE * grown_mib) * MIB))
