"""Is the breakdown right? `python benchmarks/measuring/breakdown.py`.

The components of a step, by the breakdown of the sweep, against torch's profiler on the same model
and batch: another clock, that joins the operations of the backward pass to those of the forward
pass by its own link. The Python between operations belongs to the component that runs it; what the
profiler says of operations alone stands beside it. Agreement is asked within 10 %, or within 1 % of
the step.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Self

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.measuring.conditions import conditions_here
from benchmarks.mistakes import in_one_sentence
from lightning_modules.allocator import keep_freed_memory
from lightning_modules.models.base import VariantModule
from lightning_modules.sizes import SIZES
from lightning_modules.variants import VARIANTS
from profiling.children.server import run_in_child, start_server
from profiling.instruments.components.breakdown import Breakdown
from profiling.instruments.components.component_watch import OTHER, ComponentWatch
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import prepare_process
from profiling.planning.grids import make_points
from profiling.planning.points import DataFacts, Point
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.rows.machine import available_threads, cpu_name, library_versions

LENGTHS = {"text": 1024, "speech": 500, "vision": 224}
NUM_STEPS, NUM_WARMUP_STEPS = 9, 2
HEADINGS = (
    *("variant", "implementation", "component", "breakdown ms", "profiler ms"),
    *("operations alone ms", "difference of the step", "agrees"),
)
COMPARE, TIMEOUT_S = "benchmarks.measuring.breakdown:compare", 900.0
RANGE, BACKWARD = "component ", "autograd::engine::evaluate_function"
Times = dict[str, float]
"""Milliseconds by component."""


def make_cases(size: str) -> list[Point]:
    """Return every variant, with the implementations that run here, in training."""
    modalities = {
        "text": ModalitySettings(variants=list(VARIANTS["text"]), lengths=[LENGTHS["text"]]),
        "speech": ModalitySettings(variants=list(VARIANTS["speech"]), lengths=[LENGTHS["speech"]]),
        "vision": ModalitySettings(
            variants=list(VARIANTS["vision"]), input_sizes=[LENGTHS["vision"]]
        ),
    }
    facts = {name: DataFacts("synthetic", [length], 100) for name, length in LENGTHS.items()}
    settings = SweepSettings(modalities=modalities, phases=["training"])
    return make_points(settings, conditions_here(size), facts)


class Ranges:
    """Puts the components into the profiler's trace, as ranges around the forward pass."""

    def __init__(self, module: VariantModule) -> None:
        """Make the watch that says where the forward pass is."""
        self._open: Any = None
        self._has_begun = False
        self._watch = ComponentWatch(module.parts(), {}, self._switch)

    def __enter__(self) -> Self:
        """Get ready before the step, whose other clock is to have nothing of it."""
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no trace."""
        self._watch.__exit__()

    def begin(self) -> None:
        """Begin with the forward pass."""
        self._has_begun = True
        self._switch(OTHER)

    def end(self) -> None:
        """End with it."""
        self._has_begun = False
        self._close()

    def _switch(self, component: str) -> None:
        if not self._has_begun:
            return
        self._close()
        self._open = record_function(f"{RANGE}{component}")
        self._open.__enter__()

    def _close(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = None


def measure_once(module: VariantModule, optimizer: Any, batch: Batch) -> tuple[Times, ...]:
    """Make one training step; return its components by the breakdown, and twice by the profiler."""
    breakdown = Breakdown(module, manual=False, training=True)
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as trace:
        with Ranges(module) as ranges:
            breakdown.mark("begin")
            ranges.begin()
            loss = module.loss(module(**batch), batch)
            ranges.end()
            breakdown.mark("end")
        optimizer.zero_grad(set_to_none=True)
        breakdown.follow_backward(loss)
        loss.backward()
        breakdown.mark("backward_end")
        with record_function(f"{RANGE}optimiser"):
            optimizer.step()
        breakdown.mark("stepped")
    ours: Times = defaultdict(float)
    for (component, _), milliseconds in (breakdown.finish() or {}).items():
        ours[component] += milliseconds
    return ours, *by_profiler(list(trace.events() or []))


def by_profiler(events: Sequence[Any]) -> tuple[Times, Times]:
    """Return what a trace says of a step, by component, in ms: all of it, and operations alone.

    An operation of the backward pass has the number of the one in the forward pass that it
    belongs to; one without a number (a gradient that is handed to its parameter) follows on
    another with one.
    """
    spans: Times = defaultdict(float)
    operations: Times = defaultdict(float)
    numbered: dict[int, str] = {}
    last = OTHER
    for event in events:
        component, milliseconds = _range_around(event), event.cpu_time_total / 1e3
        if event.name.startswith(BACKWARD):
            last = numbered.get(event.sequence_nr, last)
            spans[last] += milliseconds
            operations[last] += milliseconds
        elif event.name.startswith(RANGE):
            spans[event.name.removeprefix(RANGE)] += milliseconds
        elif component is not None:
            if event.sequence_nr >= 0:
                numbered[event.sequence_nr] = component
            if event.cpu_parent.name.startswith(RANGE):
                operations[component] += milliseconds
    return spans, operations


def _range_around(event: Any) -> str | None:
    while event is not None:
        if event.name.startswith(RANGE):
            return str(event.name.removeprefix(RANGE))
        event = event.cpu_parent
    return None


def compare(point: Point) -> dict[str, list[float]]:
    """Return the medians over some steps, by component, in a child of its own."""
    keep_freed_memory()
    prepare_process(point)
    module, batch = build_point(point), batch_of(point, 1)
    optimizer = module.configure_optimizers()
    module.train()
    steps = [measure_once(module, optimizer, batch) for _ in range(NUM_STEPS + NUM_WARMUP_STEPS)]
    names = sorted({name for step in steps for times in step for name in times})
    by_clock = [*zip(*steps[NUM_WARMUP_STEPS:], strict=True)]
    return {
        name: [median(times.get(name, 0.0) for times in clock) for clock in by_clock]
        for name in names
    }


def rows_of(point: Point, found: dict[str, list[float]]) -> list[str]:
    """Return the lines of a table, of what `compare` found of a point."""
    total = sum(ours for ours, *_ in found.values())
    lines = []
    for name, (ours, theirs, operations) in found.items():
        difference = ours - theirs
        agrees = abs(difference) <= max(0.1 * theirs, 0.01 * total)
        lines.append(
            f"| {point.variant} | {point.implementation} | {name} | {ours:.2f} | {theirs:.2f} | "
            f"{operations:.2f} | {difference / total:+.1%} | {'yes' if agrees else 'NO'} |"
        )
    return lines


@in_one_sentence
def main(arguments: list[str] | None = None) -> int:
    """Compare all variants in training and print the table; 1 where a point failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="?", default="wide", choices=SIZES, help="of the models")
    size = parser.parse_args(arguments).size
    where = f"{datetime.now(UTC):%Y-%m-%d}, {cpu_name()}, {available_threads()} threads"
    print("# Components against torch's profiler\n")
    print(f"{where}, {library_versions()}; size {size}, training, batch 1, lengths {LENGTHS}.\n")
    print(f"| {' | '.join(HEADINGS)} |\n|{' - |' * len(HEADINGS)}")
    context, num_failed = start_server(), 0
    for point in make_cases(size):
        if point.skip_reason is None:
            outcome = run_in_child(context, COMPARE, point, TIMEOUT_S)
            if outcome.kind == "ok":
                print("\n".join(rows_of(point, outcome.value)), flush=True)
            else:
                num_failed += 1
                print(f"{point.describe()}: {outcome.message}", file=sys.stderr, flush=True)
    return min(num_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
