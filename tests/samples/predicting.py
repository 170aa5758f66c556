"""`python train.py predict` on the recordings of the folder `sounds`."""

import train
from tests.samples.places import CONFIGS


def predict(config: str, *settings: str) -> int:
    """Run the command in this process, with further settings; return its exit status."""
    arguments = ["--config", str(CONFIGS / f"train/{config}.yaml"), *settings]
    arguments += ["--data.init_args.source=sounds", "--data.init_args.num_workers=0"]
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu"]
    return train.main(["predict", *arguments, *quiet])
