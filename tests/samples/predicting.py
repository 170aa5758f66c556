"""`python train.py predict` on the recordings of the folder `sounds`, and one process of it."""

from types import SimpleNamespace
from typing import Any

import train
from tests.samples.places import CONFIGS


def predict(config: str, *settings: str) -> int:
    """Run the command in this process, with further settings; return its exit status."""
    arguments = ["--config", str(CONFIGS / f"train/{config}.yaml"), *settings]
    arguments += ["--data.init_args.source=sounds", "--data.init_args.num_workers=0"]
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu"]
    return train.main(["predict", *arguments, *quiet])


def process(names: tuple[str, ...] = (), rank: int = 0, told: str | None = None) -> Any:
    """Return what a callback is given for a Trainer in one process of a prediction.

    Args:
        names: Of the recordings.
        rank: Of the process.
        told: What the first process tells the others.
    """
    reader = SimpleNamespace(recordings=[SimpleNamespace(name=name) for name in names])
    return SimpleNamespace(
        is_global_zero=rank == 0,
        global_rank=rank,
        datamodule=SimpleNamespace(predict_reader=reader),
        strategy=SimpleNamespace(broadcast=lambda said: said if rank == 0 else told),
    )
