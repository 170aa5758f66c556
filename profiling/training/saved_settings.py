"""What stays of the settings of a run: a file beside its logs."""

from typing import Any

import lightning
from lightning import LightningModule, Trainer

# The logs of a training may be in the folder of an evaluation: each has a file of its own.
FILES = {
    "fit": "config.yaml",
    **{verb: f"config.{verb}.yaml" for verb in ("predict", "test", "validate")},
}


class WhenBegun(lightning.Callback):
    """Lets Lightning's callback write the settings when no other callback has refused the run.

    It stands before that one among the bases of a class. Lightning would write before: a run that
    is refused, because another one is at work in its folders, would replace the settings of that
    one.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Wait for the locks of folders."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the settings of a training."""
        super().setup(trainer, pl_module, "fit")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write those of an evaluation; a training has written its own before."""
        super().setup(trainer, pl_module, "validate")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write those of an evaluation."""
        super().setup(trainer, pl_module, "test")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write those of a prediction."""
        super().setup(trainer, pl_module, "predict")


def saving_of(verb: str) -> dict[str, Any] | None:
    """Return how the settings of a verb are written.

    None for verbs that may share a folder of logs; labels and exported models say what they are of.
    """
    name = FILES.get(verb)
    return None if name is None else {"config_filename": name, "overwrite": True}
