"""How long one run goes on: a batch again and again, until enough steps of it were measured."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import fmean

from torch.utils.data import IterableDataset

from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.steps import Sample
from profiling.measuring.paths.active_path import Batch
from profiling.planning.requests import Effort

# Where Lightning does not know how many batches there are it fetches one ahead, and would ask for
# the next step before the last one is measured.
MORE_THAN_NEEDED = 2**31


@dataclass(frozen=True)
class Opening:
    """Steps that decide whether a measurement is worth being made; none of them is part of it.

    Args:
        effort: How many there are.
        goes_on: Tells from their samples whether the measurement follows.
    """

    effort: Effort
    goes_on: Callable[[list[Sample]], bool]


class Pace:
    """Tells before each step of a run whether to make it.

    Args:
        profiler: Has the samples of the steps so far; its warm-up is that of the opening, if any.
        effort: What is enough.
        before_step: Called before each measured step, with its number, counted from 0.
        opening: Comes first.
        warm_up_s: Seconds of further steps that are not measured, after the first one: the clock
            of a GPU takes so long to rise.
    """

    def __init__(
        self,
        profiler: ProfilingCallback,
        effort: Effort,
        before_step: Callable[[int], None],
        opening: Opening | None = None,
        warm_up_s: float = 0.0,
    ) -> None:
        self._profiler = profiler
        self._effort = effort
        self._before_step = before_step
        self._opening = opening
        self._made = -1  # the first question comes before any step
        self._first = effort.num_warmup_steps
        self._num_left_out = 0
        self._asked_s = time.perf_counter()
        self._warm_up_s = warm_up_s
        self._first_made_s: float | None = None

    @property
    def samples(self) -> list[Sample]:
        """The measured steps."""
        return self._profiler.samples[self._num_left_out :]

    def goes_on(self) -> bool:
        """Tell whether one more step is wanted, and get ready for it."""
        self._made += 1
        if self._made == 1:
            self._first_made_s = time.perf_counter()
        wanted = self._opens() or (self._opening is None and self._measures())
        self._asked_s = time.perf_counter()
        return wanted

    def _opens(self) -> bool:
        """Tell whether the next step belongs to the opening; after its last one hear its word."""
        opening = self._opening
        if opening is None:
            return False
        if not self._is_enough(opening.effort, self._made - opening.effort.num_warmup_steps):
            return True
        opened = self.samples
        self._num_left_out = len(opened)
        if opening.goes_on(opened):
            self._opening = None
            self._first = max(self._first, self._made)  # what was made has warmed up, too
        return False

    def _measures(self) -> bool:
        number = self._made - self._first
        if self._is_enough(self._effort, number):
            return False
        if number == 0 and not self._is_warm():
            self._first += 1
            self._profiler.num_warmup_steps += 1
            return True
        if number == 0:
            self._num_left_out = len(self._profiler.samples)
        if number >= 0:
            self._before_step(number)
        return True

    def _is_warm(self) -> bool:
        if self._warm_up_s == 0:
            return True
        began = self._first_made_s
        return began is not None and time.perf_counter() - began >= self._warm_up_s

    def _is_enough(self, effort: Effort, num_steps: int) -> bool:
        if num_steps < effort.min_samples:
            return False
        since_last_s = time.perf_counter() - self._asked_s  # a step, where none has a sample
        known_s = [sample.latency_ms / 1e3 for sample in self.samples] or [since_last_s]
        return num_steps * fmean(known_s) >= effort.seconds_per_measurement


class Repeated(IterableDataset[Batch]):
    """One batch, or some in turn, for as long as a pace goes on."""

    def __init__(self, batches: Sequence[Batch], pace: Pace) -> None:
        """Ask `pace` before each repetition."""
        self._batches = batches
        self._pace = pace

    def __len__(self) -> int:
        """More than there will be: of a known length nothing is fetched ahead."""
        return MORE_THAN_NEEDED

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches again and again."""
        for batch in cycle(self._batches):
            if not self._pace.goes_on():
                return
            yield batch
