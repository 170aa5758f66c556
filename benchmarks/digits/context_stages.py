"""What is trained for the table of needed context: HuBERT once, then the task with each window.

Every model of the table begins with the same weights, those of a HuBERT that has learnt to write
digits, and gets the same rounds of the task: labels of all frames teach it where to look, then CTC
how to write it, each on utterances of few words (`near`) and then on longer ones (`far`).
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.digits.stages import (
    HUBERT,
    ROUNDS,
    Config,
    Model,
    Round,
    Run,
    Stage,
    fit_stage,
    transcribe_stage,
)

WINDOWS = (8, 32, 64, 100, 200)
MODELS = (*(Model("lhubert", window) for window in WINDOWS), HUBERT)
BEFORE = ("pretrain", "words", "ctc")  # of spoken_digits.py
NUM_LAYERS = 4  # of configs/train/digits_ctc.yaml
LOOK_NEAR_STEPS, LOOK_FAR_STEPS, NEAR_STEPS, FAR_STEPS = 300, 500, 500, 500
LABELS = {"labels": "train", "val_labels": "val"}  # settings, and the splits they are of


@dataclass(frozen=True)
class AskedRound(Round):
    """A round of CTC on utterances with questions, validated on such utterances."""

    def data(self, out: Path) -> Config:
        """Return settings of the data that differ from the configuration."""
        own = {f"{split}_source": str(out / self.corpus / split) for split in ("val", "test")}
        return super().data(out) | own


@dataclass(frozen=True)
class LookRound(Round):
    """A round on labels of all frames, of words and of answers."""

    def data(self, out: Path) -> Config:
        """Return settings of the data that differ from the configuration."""
        own = {name: str(out / f"answers-{self.corpus}" / split) for name, split in LABELS.items()}
        own |= {"val_source": str(out / self.corpus / "val")}
        return super().data(out) | own | {"max_seconds": None, "min_seconds": 1.0}


ASKED_ROUNDS: dict[str, Round] = {
    "look_near": LookRound("digits_pretrain", LOOK_NEAR_STEPS, None, "near", 8.0, 0.1),
    "look_far": LookRound("digits_pretrain", LOOK_FAR_STEPS, None, "far", 16.0, 0.1),
    "near": AskedRound("digits_ctc", NEAR_STEPS, 1e-3, "near", 10.0, 0.0),
    "far": AskedRound("digits_ctc", FAR_STEPS, 5e-4, "far", 16.0, 0.0),
}


def context_stages(seed: int, share: float) -> list[Stage]:
    """Return all that is trained and transcribed with one seed.

    Args:
        seed: Of weights, order and masks.
        share: Of the training steps; below 1 for a trial.
    """
    top = f"seed-{seed}"
    rounds = ROUNDS | ASKED_ROUNDS

    def fit(model: Model, folder: str, before: str | None) -> Stage:
        run = Run(f"{top}/{folder}", model, rounds[Path(folder).name], seed, share)
        return fit_stage(run, None if before is None else f"{top}/{before}/exported")

    stages: list[Stage] = []
    before: str | None = None
    for name in BEFORE:
        folder = f"digits/{name}"
        stages.append(fit(HUBERT, folder, before))
        before = folder
    for model in MODELS:
        weights = before
        for name in ASKED_ROUNDS:
            folder = f"{model.name}/{name}"
            stages.append(fit(model, folder, weights))
            weights = folder
        stages.append(transcribe_stage(top, model.name, model, f"{weights}", "far"))
    return stages
