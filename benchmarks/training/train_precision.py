"""What does bfloat16 change in training on a CPU: its speed, and the loss?

    python benchmarks/training/train_precision.py [--size base] [--seconds 15]

Trains L-HuBERT by masked prediction and by CTC on one batch of noise, through Lightning, in
float32, bf16-mixed and bf16-true. The speed is taken in rounds: in each of them every precision
runs some steps, and what is compared are the ratios within a round. The losses are those of one
batch and one start. Rows and ratios are written into the folder `--out` as JSON.
"""

import argparse
import logging
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import lightning
import torch
from torch.utils.data import DataLoader

from benchmarks.keeping import add_out, keep
from benchmarks.mistakes import in_one_sentence
from datamodules.geometry import samples_for_frames
from lightning_modules.allocator import keep_freed_memory
from lightning_modules.sizes import SIZES
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.masked_prediction import PRETRAINING_FIELDS, MaskedPrediction
from profiling.rows.machine import available_threads, cpu_name, library_versions

PRECISIONS = ("32-true", "bf16-mixed", "bf16-true")
NUM_CLASSES = 100
# So that all precisions compute the same: what is random falls otherwise in each of them.
NOTHING_RANDOM = {name: 0.0 for name in PRETRAINING_FIELDS if "drop" in name}
NOTHING_RANDOM |= {"final_dropout": 0.0, "mask_feature_prob": 0.0}
LETTERS = [*"_|ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
TASKS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "pre-training": (MaskedPrediction, {"num_classes": NUM_CLASSES, "num_steps": 10_000}),
    "CTC": (CtcModule, {"alphabet": LETTERS, "num_hold_steps": 10_000, "freeze_encoder_steps": 0}),
}


class StepTimes(lightning.Callback):
    """Notes the time and the loss of every step."""

    def __init__(self) -> None:
        self.ended: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:
        """Note them."""
        self.ended.append(time.perf_counter())
        self.losses.append(float(outputs["loss"]))


def make_module(task: str, size: str) -> Any:
    """Return the module that learns a task, always with the same weights."""
    torch.manual_seed(0)
    make, own = TASKS[task]
    return make(
        variant="lhubert",
        size=size,
        attention_window=100,
        num_warmup_steps=1,
        model_fields=NOTHING_RANDOM,
        **own,
    )


def make_batch(seconds: float, is_ctc: bool) -> dict[str, torch.Tensor]:
    """Return two recordings of noise and what is to be learnt of them."""
    generator = torch.Generator().manual_seed(0)
    frames = int(seconds * 50)
    samples = 0.1 * torch.randn(2, samples_for_frames(frames), generator=generator)
    mask = torch.rand(2, frames, generator=generator) < 0.5
    highest, count = (len(LETTERS), frames // 8) if is_ctc else (NUM_CLASSES, frames)
    labels = torch.randint(1, highest, (2, count), generator=generator)
    return {"input_values": samples, "mask_time_indices": mask, "labels": labels}


def train(module: Any, batch: dict[str, Any], precision: Any, num_steps: int) -> StepTimes:
    """Train on one batch again and again."""
    times = StepTimes()
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision=precision,
        max_steps=num_steps,
        logger=False,
        callbacks=[times],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader[Any]([batch] * num_steps, batch_size=None))  # type: ignore[arg-type]
    return times


def compare_speed(
    task: str, size: str, batch: dict[str, Any], rounds: int, steps: int
) -> dict[str, Any]:
    """Return the median seconds of a step, and float32's over each one's, by precision."""
    seconds: dict[str, list[float]] = {name: [] for name in PRECISIONS}
    for turn in range(rounds):
        for precision in PRECISIONS if turn % 2 == 0 else reversed(PRECISIONS):
            ended = train(make_module(task, size), batch, precision, steps + 2).ended
            own = [after - before for before, after in zip(ended[1:], ended[2:], strict=False)]
            seconds[precision].append(statistics.median(own))
    found = {}
    for name, own in seconds.items():
        ratios = sorted(full / each for full, each in zip(seconds["32-true"], own, strict=True))
        found[name] = {
            "step_seconds": statistics.median(own),
            "times_as_fast": statistics.median(ratios),
            "lowest": ratios[0],
            "highest": ratios[-1],
        }
    return found


@in_one_sentence
def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="base", choices=SIZES)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--loss_steps", type=int, default=30)
    add_out(parser)
    given = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    keep_freed_memory()
    flags = Path("/proc/cpuinfo").read_text() if platform.system() == "Linux" else ""
    facts = {
        "cpu": cpu_name(),
        "threads": available_threads(),
        "bf16_instructions": [name for name in ("avx512_bf16", "amx_bf16") if name in flags],
        "versions": library_versions(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "settings": vars(given) | {"out": str(given.out)},
    }
    print(facts)
    print("| task | precision | step, s | times as fast as float32 | loss, first | last |")
    print("|---|---|---|---|---|---|")
    rows = []
    for task in TASKS:
        batch = make_batch(given.seconds, task == "CTC")
        speeds = compare_speed(task, given.size, batch, given.rounds, given.steps)
        for precision, speed in speeds.items():
            module = make_module(task, given.size)
            losses = train(module, batch, precision, given.loss_steps).losses
            rows.append({"task": task, "precision": precision, **speed, "losses": losses})
            print(
                f"| {task} | {precision} | {speed['step_seconds']:.2f} "
                f"| {speed['times_as_fast']:.2f} ({speed['lowest']:.2f}-{speed['highest']:.2f}) "
                f"| {losses[0]:.4g} | {losses[-1]:.4g} |",
                flush=True,
            )
    keep(given.out, "train_precision", figures={**facts, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
