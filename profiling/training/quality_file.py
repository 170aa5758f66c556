"""What a test finds of a variant, in a file that `profile.py advise --quality` reads."""

import json
import math
from pathlib import Path
from typing import Any

import lightning
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from datamodules.files.writing import write_text
from lightning_modules.checkpoints.attention_of_runs import KEY
from lightning_modules.models.base import VariantModule
from lightning_modules.speech.training_module import SpeechTraining

QUALITY_FILE = "quality.json"
FIGURES = "test_"
COUNTED = "test_left_out"  # how many utterances the figures are not of


class QualityFile(lightning.Callback):
    """Writes the figures of a test beside its logs, with the variant and window that they are of.

    There is no file where no logger has a folder, of a part of the data (`limit_test_batches`), of
    models that are no variant, and of those whose layers have different windows, which no sweep
    measures.
    """

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what was logged."""
        folders = (getattr(logger, "log_dir", None) for logger in trainer.loggers)
        folder = next(filter(None, folders), None) if trainer.is_global_zero else None
        if folder is None or not isinstance(pl_module, (SpeechTraining, VariantModule)):
            return
        noted: dict[str, Any] = {}
        pl_module.on_save_checkpoint(noted)  # every module says there which attention it has
        weights = trainer.ckpt_path or pl_module.settings.checkpoint or "random weights"
        shared = noted[KEY] | {"source": f"{weights} on {_data_of(trainer)}"}
        entries = [{**shared, "metric": name, "value": value} for name, value in _figures(trainer)]
        if not entries or isinstance(shared["attention_window"], list) or _is_of_a_part(trainer):
            return
        path = Path(folder, QUALITY_FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(entries, indent=2) + "\n")
        rank_zero_info(f"`profile.py advise --quality {path}` tells these figures")


def _is_of_a_part(trainer: Trainer) -> bool:
    limit = trainer.limit_test_batches  # a number of batches, or a share of them
    return isinstance(limit, int) or limit < 1


def _figures(trainer: Trainer) -> list[tuple[str, float]]:
    logged = [(name, float(value)) for name, value in trainer.callback_metrics.items()]
    return [
        (name, value)
        for name, value in logged
        if name.startswith(FIGURES) and name != COUNTED and math.isfinite(value)
    ]


def _data_of(trainer: Trainer) -> str:
    """Name what was tested on, as the settings of the data do where they have a source."""
    data: Any = getattr(trainer, "datamodule", None)
    sources = (getattr(data, name, None) for name in ("test_source", "source"))
    return str(next(filter(None, sources), None) or type(data).__name__)
