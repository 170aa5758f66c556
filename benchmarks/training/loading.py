"""How much of a training step is spent in the model: the real loader against batches in memory.

    python benchmarks/training/loading.py [--recordings DIR]

Trains the pre-training module on crops of DIR, or of noise made on the spot, with the default
number of loader processes, and on the same batches kept in memory, through Lightning; in turns, of
which every second one is the other way round: a machine that slows down then favours neither.
"""

import argparse
import logging
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import lightning
import numpy as np
import soundfile
import torch
from torch.utils.data import DataLoader

from benchmarks.mistakes import in_one_sentence
from datamodules.bad_samples import BadSamples
from datamodules.geometry import SAMPLE_RATE_HZ, frames_for_samples
from datamodules.labels.format import MODEL_RATE_HZ, LabelFacts
from datamodules.labels.writing import LabelWriter, join
from datamodules.recordings.listing import list_recordings
from datamodules.utterances.pretraining import PretrainingSpeech
from lightning_modules.sizes import SIZES
from lightning_modules.speech.masked_prediction import MaskedPrediction

FACTS = LabelFacts(100, MODEL_RATE_HZ, None, "none")
NUM_BATCHES = 12
NUM_SKIPPED = 2  # while loader processes start and memory is first touched
ROUNDS = 4


class StepTimes(lightning.Callback):
    """Notes when every batch began, which is when it had been loaded, and ended."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        """Note the time."""
        self.began.append(time.perf_counter())

    def on_train_batch_end(self, *_: Any) -> None:
        """Note the time."""
        self.ended.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """From the end of the first batches to the end of the last."""
        return self.ended[-1] - self.ended[NUM_SKIPPED - 1]

    @property
    def waited(self) -> float:
        """Share of that between a batch and the next."""
        between = zip(self.ended[NUM_SKIPPED - 1 : -1], self.began[NUM_SKIPPED:], strict=True)
        return sum(began - ended for ended, began in between) / self.seconds


def train(model: Any, loader: Any) -> StepTimes:
    """Train on some batches; return when they began and ended."""
    times = StepTimes()
    trainer = lightning.Trainer(
        max_epochs=1,
        limit_train_batches=NUM_BATCHES,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[times],
    )
    trainer.fit(model, loader)
    return times


def write_noise(folder: Path) -> None:
    """Write recordings of 5 to 15 seconds, as flac, which takes longest to decode."""
    random = np.random.default_rng(0)
    for number in range(60):
        noise = 0.1 * random.standard_normal(int(random.uniform(5, 15) * SAMPLE_RATE_HZ))
        soundfile.write(folder / f"{number}.flac", noise, SAMPLE_RATE_HZ)


def write_labels(recordings: str, folder: Path) -> None:
    """Label all frames 0: what is measured does not depend on it."""
    found = list_recordings(recordings, "auto", BadSamples("stop"))
    writer = LabelWriter(folder, FACTS)
    for each in found:
        writer.add(each.name, [0] * frames_for_samples(each.num_samples))
    writer.close()
    join(folder, FACTS, [each.name for each in found])


@in_one_sentence
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", help="folder of audio; default: noise made on the spot")
    parser.add_argument("--size", default="small", choices=SIZES)
    parser.add_argument("--batch_seconds", type=float, default=30.0)
    given = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        labels, noise = Path(temporary, "labels"), Path(temporary, "noise")
        noise.mkdir()
        if given.recordings is None:
            write_noise(noise)
        recordings = given.recordings or str(noise)
        write_labels(recordings, labels)
        data = PretrainingSpeech(recordings, str(labels), batch_seconds=given.batch_seconds)
        model = MaskedPrediction(
            variant="lhubert", size=given.size, attention_window=100, num_steps=1000
        )
        loader = data.train_dataloader()
        kept = [batch for batch, _ in zip(loader, range(NUM_BATCHES), strict=False)]
        samples = sum(batch["input_values"].numel() for batch in kept[NUM_SKIPPED:])
        ratios, waited = [], []
        for turn in range(ROUNDS):
            again = DataLoader[Any](kept, batch_size=None)  # type: ignore[arg-type]
            loaders = {"loaded": data.train_dataloader(), "kept": again}
            order = sorted(loaders, reverse=turn % 2 == 1)
            times = {name: train(model, loaders[name]) for name in order}
            speed = {name: samples / SAMPLE_RATE_HZ / times[name].seconds for name in loaders}
            ratios.append(speed["loaded"] / speed["kept"])
            waited.append(times["loaded"].waited)
            print(
                f"{speed['loaded']:.2f} seconds of audio per second loaded, {speed['kept']:.2f} "
                f"from memory: {ratios[-1]:.3f}; {waited[-1]:.2%} of the time waited for batches"
            )
    print(
        f"median {statistics.median(ratios):.3f}, waited {statistics.median(waited):.2%}; "
        f"{data.num_workers} loader processes, {torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    sys.exit(main())
