"""Who else computed on our cores: the share of their time that others took from a measurement.

Three things tell it. The kernel counts, to the nanosecond, how long our threads were ready to run
and had to wait for a core. It also counts, in ticks, how busy each core was: what was not ours was
somebody else's, or was stolen by the host. And a container has a count of the time for which it
was held back, in which our threads wait as well. Ticks are too coarse for a short measurement and
see a neighbour on a core that we left idle, or on the second thread of one of ours; waiting is
exact and sees only who stood in our way. The largest of the three counts.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from operator import sub
from pathlib import Path

from profiling.rows.machine import container_files
from profiling.rows.own_process import PROC, usable_cores

CORES = Path("/sys/devices/system/cpu")
DISTURBED_FROM = 0.1
# Fewer ticks than these say nothing: one of them may be anybody's.
FEWEST_TICKS = 40
TICKS_OF_CHANCE = 2.0  # of one stretch; of several, chance grows with their root
# Fields of a core in /proc/stat: user, nice, system, irq, softirq, steal.
BUSY = (1, 2, 3, 6, 7, 8)


@dataclass(frozen=True)
class _Moment:
    wall_s: float
    busy_s: float
    own_s: float
    waited_s: float
    held_back_us: tuple[int, ...] = ()  # of each group that has limits, one within the next


class Neighbours:
    """Watches the cores of this process, from one `begin` to the next `end`, summed up."""

    def __init__(self, cores: Iterable[int] | None = None) -> None:
        """Watch these cores and their siblings; by default those that this process may use."""
        self.cores = with_siblings(usable_cores() if cores is None else cores)
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK")
        self._began: _Moment | None = None
        self._total = _Moment(0.0, 0.0, 0.0, 0.0)
        self._held_back_s = 0.0
        self._stretches = 0

    def begin(self) -> None:
        """Begin a stretch of measuring."""
        self._began = self._now()

    def end(self) -> None:
        """End it; without a beginning there is nothing to end."""
        began, now = self._began, self._now()
        self._began = None
        if began is None or now is None:
            return
        self._stretches += 1
        total = self._total
        self._total = _Moment(
            total.wall_s + now.wall_s - began.wall_s,
            total.busy_s + now.busy_s - began.busy_s,
            total.own_s + now.own_s - began.own_s,
            total.waited_s + now.waited_s - began.waited_s,
        )
        # Where the limits of several groups bind, they do so at the same time.
        self._held_back_s += max(map(sub, now.held_back_us, began.held_back_us), default=0) / 1e6

    def share(self) -> float | None:
        """Return what others took of all CPU time of the cores, 0 to 1; None where unknown."""
        whole = self._total.wall_s * len(self.cores)
        if not whole:
            return None
        others_s = max(self._total.waited_s, self._held_back_s)
        if whole >= FEWEST_TICKS * self._tick_s:
            by_chance_s = TICKS_OF_CHANCE * self._stretches**0.5 * self._tick_s
            by_ticks = self._total.busy_s - self._total.own_s - by_chance_s
            others_s = max(others_s, by_ticks)
        return min(1.0, max(0.0, others_s / whole))

    def _now(self) -> _Moment | None:
        try:
            return _Moment(
                time.perf_counter(),
                _busy_ticks(self.cores) * self._tick_s,
                time.process_time(),
                _waited_ns() / 1e9,
                _held_back_us(),
            )
        except (OSError, ValueError, IndexError):  # macOS, a container that hides /proc
            return None


def with_siblings(cores: Iterable[int]) -> list[int]:
    """Return the cores and those that share their arithmetic units."""
    found: set[int] = set()
    for core in cores:
        found.add(core)
        try:
            listed = (CORES / f"cpu{core}/topology/thread_siblings_list").read_text()
            found |= parse_cores(listed)
        except (OSError, ValueError):
            continue
    return sorted(found)


def parse_cores(listed: str) -> set[int]:
    """Return the numbers of a list as the kernel writes it, such as "0,4-6"."""
    found: set[int] = set()
    for part in listed.strip().split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _busy_ticks(cores: Iterable[int]) -> int:
    wanted = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in (PROC / "stat").read_text().splitlines()]
    return sum(int(line[field]) for line in lines if line and line[0] in wanted for field in BUSY)


def _waited_ns() -> int:
    """Return how long all threads of this process were ready to run and did not, so far."""
    tasks = (PROC / "self/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks)


def _held_back_us() -> tuple[int, ...]:
    """Return how long each group of this process was kept from the cores by its limit, so far."""
    counted = (dict(map(str.split, text.splitlines())) for text in container_files("cpu.stat"))
    return tuple(int(fields.get("throttled_usec", 0)) for fields in counted)
