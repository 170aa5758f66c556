"""Runs that leave checkpoints, are stopped, and go on."""

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.training.folder_use import FolderUse
from lightning_modules.training.last_checkpoint import LastCheckpoint
from lightning_modules.training.moved_folder import MovedFolder
from lightning_modules.training.pending_validation import PendingValidation
from tests.samples.fitting import TinyTokens, loader, tokens, trainer

EPOCH = [tokens(2, 4)] * 5
# Behind the batches 2, 4, ...
OFTEN: dict[str, Any] = {"val_check_interval": 2, "check_val_every_n_epoch": None}
Score = float | dict[int, float]


class Scored(TinyTokens):
    """Logs the same figure in every validation, or that of its step."""

    def __init__(self, score: Score) -> None:
        super().__init__()
        self.score = score

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        score = self.score[self.global_step] if isinstance(self.score, dict) else self.score
        self.log("val_loss", score, batch_size=1)


class Stops(lightning.Callback):
    """Stops the training behind a batch, the fourth or another one, as a limit of time does."""

    def __init__(self, behind: int = 4) -> None:
        self.behind = behind

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        trainer.should_stop = trainer.fit_loop.total_batch_idx + 1 == self.behind


def fit(
    folder: Path, *more: Any, score: Score | None = None, resumed: Path | None = None, **given: Any
) -> None:
    """Train, with validations where they have a score; save every three steps, and the last one."""
    torch.manual_seed(0)
    steps = ModelCheckpoint(
        folder / "checkpoints", every_n_train_steps=3, save_last=True, filename="step-{step}"
    )
    built = trainer(
        folder,
        enable_checkpointing=True,
        num_sanity_val_steps=0,
        callbacks=[PendingValidation(), LastCheckpoint(), MovedFolder(), FolderUse(), *more, steps],
        **given,
    )
    if score is None:
        built.fit(TinyTokens(), loader(EPOCH), ckpt_path=resumed, weights_only=True)
    else:
        model, once = Scored(score), loader(EPOCH[:1])
        built.fit(model, loader(EPOCH), once, ckpt_path=resumed, weights_only=True)


def last_of(folder: Path) -> Path:
    """Return where a run leaves its last checkpoint."""
    return folder / "checkpoints/last.ckpt"


def load(path: Path) -> Any:
    """Return all that a checkpoint has."""
    return torch.load(path, weights_only=True)


def go_on(place: Path, folder: str, *more: Any, **given: Any) -> None:
    """Train with a best checkpoint in a folder of its own."""
    best = ModelCheckpoint(
        place / folder, monitor="val_loss", filename="best", enable_version_counter=False
    )
    fit(place, *more, best, **(OFTEN | given))
