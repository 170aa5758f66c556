"""What stays of the settings of a run: a file beside its logs."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

# The logs of a training may be in the folder of an evaluation: each has a file of its own.
FILES = {
    "fit": "config.yaml",
    **{verb: f"config.{verb}.yaml" for verb in ("predict", "test", "validate")},
}


class SavedSettings(SaveConfigCallback):
    """Writes the settings when no other callback has refused the run.

    Lightning would do so before: a run that is refused, because another one is at work in its
    folders, would replace the settings of that one.
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


def saving_of(verb: str) -> tuple[type[SavedSettings] | None, dict[str, Any]]:
    """Return what writes the settings of a verb, and how.

    None for verbs that may share a folder of logs; labels and exported models say what they are of.
    """
    name = FILES.get(verb)
    if name is None:
        return None, {}
    return SavedSettings, {"config_filename": name, "overwrite": True}
