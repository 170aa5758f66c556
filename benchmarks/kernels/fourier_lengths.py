"""What do the factors of a length cost FNet?

    python benchmarks/kernels/fourier_lengths.py [--size tiny]

A Fourier transform is quick where the length has small factors only. Near powers of two: the power
itself, the nearest multiple of 8 below (a sweep chooses such) whose other factor is a prime, and
the nearest prime below. Time per token over that at the power of two, of medians of alternating
runs on a CPU: of the transform alone, of FNet's forward pass and of one with its backward pass; and
BERT's forward pass with its fused kernel, to tell what has other reasons.
"""

import argparse
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch

from benchmarks.kernels.clocks import Run, time_alternating
from benchmarks.kernels.short_inputs import model_run
from benchmarks.mistakes import in_one_sentence
from lightning_modules.models.base import VariantModule
from lightning_modules.sizes import ENCODER_SIZES, SIZES
from lightning_modules.variants import build_module
from profiling.rows.machine import available_threads, cpu_name, library_versions

POWERS = (512, 1024, 2048)
STEP = 8
KINDS = ("a power of two", "8 times a prime", "a prime")


def is_prime(number: int) -> bool:
    """Tell by trying all factors up to the root."""
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def lengths_near(power: int) -> dict[str, int]:
    """Return a length of each kind, the power of two and the nearest ones below it."""
    prime = next(n for n in range(power - 1, 1, -1) if is_prime(n))
    times_step = next(n for n in range(power - STEP, STEP, -STEP) if is_prime(n // STEP))
    return dict(zip(KINDS, (power, times_step, prime), strict=True))


def models_of(size: str) -> dict[str, VariantModule]:
    """Build FNet and the vanilla text variant."""
    torch.manual_seed(0)
    models = {name: build_module("text", name, size=size, max_length=POWERS[-1])
              for name in ("fnet", "bert")}  # fmt: skip
    return {name: model for name, model in models.items() if isinstance(model, VariantModule)}


def runs_at(models: dict[str, VariantModule], tokens: int, width: int) -> dict[str, Run]:
    """Return what is timed at a length in the forward pass."""
    return {
        "transform": partial(torch.fft.fftn, torch.randn(1, tokens, width), dim=(1, 2)),
        **{f"{name}, forward": model_run(models[name], batch_of(tokens), "forward")
           for name in ("fnet", "bert")},
    }  # fmt: skip


def trained_at(models: dict[str, VariantModule], tokens: int) -> dict[str, Run]:
    """Return what is timed at a length with gradients; a model is in one mode at a time."""
    run = model_run(models["fnet"], batch_of(tokens), "both")
    return {"fnet, forward and backward": run}


def batch_of(tokens: int) -> dict[str, Any]:
    """Return a text of random tokens."""
    ids = torch.randint(5, 1000, (1, tokens))
    return {"input_ids": ids, "labels": ids}


def ratios_near(power: int, models: dict[str, VariantModule], width: int) -> list[str]:
    """Time all kinds of length near a power of two in turns; return lines of a table."""
    lengths = lengths_near(power)
    found: dict[tuple[str, str], float] = {}
    for make in (partial(runs_at, width=width), trained_at):
        runs = {
            (kind, name): run
            for kind, tokens in lengths.items()
            for name, run in make(models, tokens).items()
        }
        found |= time_alternating(runs, "cpu")
    names = list(dict.fromkeys(name for _, name in found))
    lines = []
    for kind, tokens in lengths.items():
        ratios = [found[kind, n] / tokens / (found[KINDS[0], n] / power) for n in names]
        lines.append(f"| {tokens:,} | {kind} | {' | '.join(f'{r:.2f}' for r in ratios)} |")
    return lines


@in_one_sentence
def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="wide", choices=SIZES, help="size of the models")
    size = parser.parse_args().size
    torch.set_num_threads(available_threads())
    where = f"{cpu_name()}, {available_threads()} threads, {library_versions()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, size {size}, {where}\n")
    models, width = models_of(size), ENCODER_SIZES[size].hidden_size
    print("| tokens | | transform | fnet, forward | bert, forward | fnet, forward and backward |")
    print("|---|---|---|---|---|---|")
    for power in POWERS:
        print("\n".join(ratios_near(power, models, width)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
