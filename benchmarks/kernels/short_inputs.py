"""Is local attention ever slower than full attention? `python benchmarks/kernels/short_inputs.py`.

For inputs from one token on: `local_blocked` against dense fused attention, the kernels alone and
with them HuBERT against L-HuBERT (published widths, two layers). Ratios of medians of alternating
runs on a CPU; below 1 local attention is faster.
"""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch

from benchmarks.kernels.attention_kernels import PHASES, WINDOWS, make_run
from benchmarks.kernels.clocks import Run, time_alternating
from datamodules.geometry import samples_for_frames
from lightning_modules.models.base import VariantModule
from lightning_modules.variants import build_module
from profiling.rows.machine import available_threads, cpu_name, library_versions

KERNEL_LENGTHS = (1, 10, 20, 40, 60, 80, 100, 120, 150, 200, 300, 500, 700)
MODEL_LENGTHS = (1, 25, 50, 100, 150, 250, 400, 750)
NUM_CLASSES = 100


def kernel_ratio(tokens: int, window: int, phase: str) -> float:
    """Return the time of `local_blocked` over that of dense fused attention."""
    names = ("local_blocked", "dense sdpa")
    runs = {n: make_run(n, tokens, window, torch.float32, "cpu", phase) for n in names}
    seconds = time_alternating(runs, "cpu")
    return seconds["local_blocked"] / seconds["dense sdpa"]


def model_ratio(frames: int, window: int, phase: str) -> float:
    """Return the time of L-HuBERT over that of HuBERT with its fused kernel."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"size": "wide", "num_classes": NUM_CLASSES}
    local = build_module("speech", "lhubert", attention_window=window, **settings)
    plain = build_module("speech", "hubert", implementation="sdpa", **settings)
    batch = {
        "input_values": torch.randn(1, samples_for_frames(frames)),
        "mask_time_indices": torch.ones(1, frames, dtype=torch.bool),
        "labels": torch.zeros(1, frames, dtype=torch.long),
    }
    assert isinstance(local, VariantModule)
    assert isinstance(plain, VariantModule)
    runs = {name: model_run(m, batch, phase) for name, m in (("local", local), ("plain", plain))}
    seconds = time_alternating(runs, "cpu")
    return seconds["local"] / seconds["plain"]


def model_run(module: VariantModule, batch: dict[str, torch.Tensor], phase: str) -> Run:
    """Return a forward pass, or one with the backward pass."""
    module.train(phase != "forward")
    if phase == "forward":
        return torch.inference_mode()(partial(module.predict_step, batch, 0))

    def both() -> None:
        module.zero_grad(set_to_none=True)
        module.loss(module(**batch), batch).backward()

    return both


def print_table(title: str, lengths: tuple[int, ...], ratio: Any) -> None:
    """Measure and print one line per length."""
    panels = [(window, phase) for window in WINDOWS for phase in PHASES]
    names = " | ".join(f"window {window}, {phase}" for window, phase in panels)
    print(f"\n| {title} | {names} |")
    print("|---" * (len(panels) + 1) + "|")
    for length in lengths:
        cells = [f"{ratio(length, window, phase):.2f}" for window, phase in panels]
        print(f"| {length} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    print(f"{cpu_name()}, {available_threads()} threads, {datetime.now(UTC):%Y-%m-%d}")
    print(library_versions())
    print_table("kernels, tokens", KERNEL_LENGTHS, kernel_ratio)
    print_table("models, frames", MODEL_LENGTHS, model_ratio)
