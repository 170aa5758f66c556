"""Curves of the spoken digits, out of what was logged to TensorBoard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.digits.rounds import HUBERT, LOCAL, ROUNDS

COLOURS = {HUBERT.name: "black", LOCAL[0].name: "tab:orange", LOCAL[1].name: "tab:blue"}
FINE_TUNING = [name for name in ROUNDS if name != "pretrain"]

Points = list[tuple[int, float]]


def read_scalars(folder: Path, names: Sequence[str]) -> dict[str, Points]:
    """Return steps and values of scalars of one run; those that were never logged are left out."""
    if not folder.exists():
        return {}
    events = EventAccumulator(str(folder), size_guidance={"images": 1, "audio": 1}).Reload()
    logged = events.Tags()["scalars"]
    return {
        name: [(each.step, each.value) for each in events.Scalars(name)]
        for name in names
        if name in logged
    }


def read_scalar(folder: Path, name: str) -> Points:
    """Return the steps and values of a scalar of one run; nothing where there is none."""
    return read_scalars(folder, [name]).get(name, [])


def read_curves(logs: Path, model: str, seed: str) -> tuple[Points, Points]:
    """Return the loss of pre-training, and the error rate of all of fine-tuning."""
    losses = read_scalar(logs / f"{seed}-{model}-pretrain", "train_loss")
    rates: Points = []
    begun = 0
    for name in FINE_TUNING:
        found = read_scalar(logs / f"{seed}-{model}-{name}", "val_wer")
        rates += [(begun + step + 1, rate) for step, rate in found]
        begun += ROUNDS[name].num_steps
    return losses, rates


def draw_curves(logs: Path) -> Any:
    """Draw every model and seed: pre-training on the left, fine-tuning on the right."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    seeds = {"-".join(folder.name.split("-")[:2]) for folder in logs.glob("seed-*")}
    for model, colour in COLOURS.items():
        curves = [read_curves(logs, model, seed) for seed in sorted(seeds)]
        # A model that was not fine-tuned yet would be a name without a line.
        curves = [(losses, rates) for losses, rates in curves if rates]
        for losses, rates in curves:
            left.plot(*zip(*losses, strict=True), color=colour, lw=1)
            right.plot(*zip(*rates, strict=True), color=colour, lw=1, marker=".")
        if curves:
            right.plot([], [], color=colour, lw=1, marker=".", label=model)
    left.set(xlabel="step", ylabel="loss per hidden frame, nats", title="pre-training")
    right.set(xlabel="step", ylabel="WER, validation", title="fine-tuning", ylim=(0, 1.05))
    begun = 0
    for name in FINE_TUNING:
        right.axvline(begun, color="lightgray", lw=1, zorder=0)
        right.text(begun + 20, 1.0, name, color="gray", fontsize=8)
        begun += ROUNDS[name].num_steps
    right.legend(frameon=False)
    return figure
