"""Does the measuring disturb what it measures? `python benchmarks/measuring/overhead.py`.

Two questions. What Lightning's loop and the callback add to a step as the sweep reports it, against
a bare loop around the same model (target: within 3 %): a ratio over interleaved blocks in one
process. And what the callback at its default settings adds to a training run (target: under 1 %):
the share of the run that is spent inside its hooks, what breaking steps down takes beside, and, the
whole truth but noisier, the ratio of runs with and without it.
"""

import itertools
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import lightning
from torch.utils.data import DataLoader

from benchmarks.measuring.bare import bare_step
from benchmarks.measuring.conditions import conditions_here
from lightning_modules.models.base import VariantModule
from profiling.instruments.callback import ProfilingCallback
from profiling.instruments.step_parts import StepParts
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.grids import make_points
from profiling.planning.points import DataFacts, Point
from profiling.planning.requests import Effort
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.rows.machine import available_threads, cpu_name, library_versions

NUM_BLOCKS = 32
NUM_STEPS, NUM_WARMUP_STEPS = 20, 3
LENGTHS = {"text": [256, 1024], "vision": [224]}
Ratio = tuple[float, float, float]


def make_cases() -> list[Point]:
    """Return vanilla points of the smallest size, where any addition weighs most."""
    modalities = {
        "text": ModalitySettings(variants=["bert"], lengths=LENGTHS["text"]),
        "vision": ModalitySettings(variants=["vit"], input_sizes=LENGTHS["vision"]),
    }
    settings = SweepSettings(modalities=modalities, implementations=["sdpa"])
    facts = {
        "text": DataFacts("synthetic", LENGTHS["text"], 1024),
        "vision": DataFacts("synthetic", LENGTHS["vision"], 10),
    }
    return make_points(settings, conditions_here("tiny"), facts)


def bare_steps(module: VariantModule, batch: Batch, phase: str) -> float:
    """Return the median seconds of a step in a loop that does nothing else."""
    times = []
    optimizer = module.configure_optimizers()
    module.train(phase == "training")
    for _ in range(NUM_STEPS + NUM_WARMUP_STEPS):
        times.append(bare_step(module, optimizer, batch, phase))
    return statistics.median(times[NUM_WARMUP_STEPS:])


def measure_ratio(first: Callable[[], float], second: Callable[[], float]) -> Ratio:
    """Return median and quartiles of first / second over blocks, after one of each."""
    first(), second()
    ratios = []
    for block in range(NUM_BLOCKS):
        order = (first, second) if block % 2 == 0 else (second, first)
        values = {measure: measure() for measure in order}
        ratios.append(values[first] / values[second])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return middle, low, high


def sweep_against_bare(point: Point) -> Ratio:
    """Compare the latency that a sweep reports with a bare loop around the same model."""
    module, batch = build_point(point), batch_of(point, 1)

    def swept() -> float:
        samples = run_steps(module, point, batch, Effort(NUM_WARMUP_STEPS, NUM_STEPS, 0.0))
        return statistics.median(sample.latency_ms for sample in samples) / 1e3

    return measure_ratio(swept, lambda: bare_steps(module, batch, point.phase))


def with_callback_against_without(point: Point) -> Ratio:
    """Compare training runs of 150 steps with the callback at its defaults and without it."""
    module = build_point(point)
    loader = repeat(batch_of(point, 2), 150)

    return measure_ratio(
        lambda: fit_seconds(module, loader, [ProfilingCallback()]),
        lambda: fit_seconds(module, loader, []),
    )


def repeat(batch: Batch, times: int) -> DataLoader[Batch]:
    """Return a loader that gives one batch again and again."""
    return DataLoader([batch] * times, batch_size=None)  # type: ignore[arg-type]


def fit_seconds(
    module: VariantModule, loader: DataLoader[Batch], callbacks: list[lightning.Callback]
) -> float:
    """Return the seconds of one epoch."""
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    begin = time.perf_counter()
    trainer.fit(module, loader)
    return time.perf_counter() - begin


class TimedCallback(ProfilingCallback):
    """Adds up the seconds spent in its own hooks."""

    def __init__(self) -> None:
        """Wrap every hook that Lightning calls during training."""
        super().__init__()
        self.seconds = 0.0
        for name in dir(lightning.Callback):
            if name.startswith(("on_train", "on_before_b", "on_after_b", "on_before_opt")):
                setattr(self, name, self._timed(getattr(self, name)))
        for name in ("_at_step", "_at_hook"):
            setattr(StepParts, name, self._timed(getattr(StepParts, name)))

    def _timed(self, hook: Callable[..., None]) -> Callable[..., None]:
        def timed(*arguments: object, **named: object) -> None:
            begin = time.perf_counter()
            hook(*arguments, **named)
            self.seconds += time.perf_counter() - begin

        return timed


def share_in_hooks(point: Point) -> float:
    """Return the share of a training run of 1000 steps that the callback's hooks take."""
    module, callback = build_point(point), TimedCallback()
    loader = repeat(batch_of(point, 2), 1000)
    total = fit_seconds(module, loader, [callback])
    return callback.seconds / total


class Starts(lightning.Callback):
    """Notes when each step of a training run begins."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self.seconds: list[float] = []

    def on_train_batch_start(self, *_: object) -> None:
        """Note it."""
        self.seconds.append(time.perf_counter())


def cost_of_breaking_down(point: Point) -> float:
    """Return the share of a training run that breaking steps down takes at the defaults.

    A step that is broken down costs so much more than one that is not even measured; of the
    default's hundred steps one is.
    """
    starts, callback = Starts(), ProfilingCallback(2, NUM_WARMUP_STEPS, breakdown=True)
    fit_seconds(build_point(point), repeat(batch_of(point, 2), 400), [starts, callback])
    steps = [after - before for before, after in itertools.pairwise(starts.seconds)]
    rest = steps[NUM_WARMUP_STEPS:]
    broken = [step for place, step in enumerate(rest) if place % 8 in (2, 4)]
    alone = [step for place, step in enumerate(rest) if place % 2]
    more = statistics.median(broken) / statistics.median(alone) - 1
    return more / (2 * ProfilingCallback().every_n_steps)


def main() -> None:
    """Print the table of `benchmarks/README.md`."""
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    print(f"{cpu_name()}, {available_threads()} threads, {datetime.now(UTC):%Y-%m-%d}")
    print(library_versions())
    cases = make_cases()
    for point in cases:
        middle, low, high = sweep_against_bare(point)
        print(f"| {point.describe()} | {middle:.3f} | {low:.3f} to {high:.3f} |", flush=True)
    training = next(point for point in cases if point.phase == "training")
    print(f"| training: share of it in the callback's hooks | {share_in_hooks(training):.4f} | |")
    print(f"| training: breaking steps down | {cost_of_breaking_down(training):.4f} | |")
    middle, low, high = with_callback_against_without(training)
    print(f"| training with / without the callback | {middle:.4f} | {low:.4f} to {high:.4f} |")


if __name__ == "__main__":
    main()
