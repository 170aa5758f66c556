"""What is trained on spoken digits: models, rounds of training, and one model in one round.

Every model gets the same four rounds: pre-training, fine-tuning on one or two words, on whole
utterances, and more of that. CTC learns nothing from whole utterances in minutes, because at first
any letter may be anywhere in them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

WINDOWS = (32, 100)
CONTROL_WINDOW = 2
SAVED_EVERY = 50
PRETRAIN_STEPS, WORDS_STEPS, CTC_STEPS, MORE_STEPS = 300, 1500, 600, 200

Config = dict[str, Any]


def _rate(lr: float, steps: int) -> dict[str, Any]:
    """Warm up for a tenth, hold for half, fall for the rest."""
    warm, hold = steps // 10, steps // 2
    stages = {"num_warmup_steps": warm, "num_hold_steps": hold}
    return {"lr": lr} | stages | {"num_decay_steps": steps - warm - hold}


@dataclass(frozen=True)
class Model:
    """A model of the table: plain, or with a window from the start."""

    variant: str
    attention_window: int | None = None

    @property
    def name(self) -> str:
        """How folders are called."""
        return self.variant + (f"-w{self.attention_window}" if self.attention_window else "")

    @property
    def settings(self) -> Config:
        """The same as arguments of a module."""
        window = (
            {} if self.attention_window is None else {"attention_window": self.attention_window}
        )
        return {"variant": self.variant} | window


@dataclass(frozen=True)
class Round:
    """A round of training, the same for all models."""

    config: str
    num_steps: int
    lr: float | None = None
    corpus: str = "corpus"
    batch_seconds: float = 16.0
    mask_probability: float | None = None

    def changes(self, steps: int) -> Config:
        """Return arguments of the module that differ from its configuration."""
        return {} if self.lr is None else _rate(self.lr, steps)

    def data(self, out: Path) -> Config:
        """Return settings of the data that differ from the configuration."""
        masks = {} if self.mask_probability is None else {"mask_probability": self.mask_probability}
        source = str(out / self.corpus / "train")
        return {"source": source, "batch_seconds": self.batch_seconds} | masks

    def fields(self) -> Config:
        """Return fields of the model that differ from the configuration."""
        return {}


@dataclass(frozen=True)
class Run:
    """One model in one round with one seed; `share` of its steps."""

    folder: str
    model: Model
    round: Round
    seed: int
    share: float

    @property
    def steps(self) -> int:
        """Optimiser steps, a multiple of those after which a checkpoint is saved."""
        steps = round(self.round.num_steps * self.share)
        return max(2, steps // SAVED_EVERY * SAVED_EVERY)


ROUNDS = {
    "pretrain": Round("digits_pretrain", PRETRAIN_STEPS),
    "words": Round("digits_ctc", WORDS_STEPS, 1e-3, "words", 5.0, 0.0),
    "ctc": Round("digits_ctc", CTC_STEPS, 5e-4, "corpus", 10.0, 0.2),
    "more": Round("digits_ctc", MORE_STEPS, 3e-4, "corpus", 10.0, 0.2),
}
HUBERT = Model("hubert")
LOCAL = [Model("lhubert", window) for window in WINDOWS]
