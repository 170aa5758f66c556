"""What is trained for the table of needed context: HuBERT once, then the task with each window.

Every model of the table begins with the same weights, those of a HuBERT that has learnt to write
digits, and gets the same rounds of the task, on utterances of few words and then on longer ones.
The label of a frame is the word that is said, or in a pause the answer. CTC, which tells of every
answer in a single frame, taught a model of this size no answer in minutes.
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
)

WINDOWS = (8, 32, 64, 100, 200)
MODELS = (*(Model("lhubert", window) for window in WINDOWS), HUBERT)
BEFORE = ("pretrain", "words", "ctc")  # of spoken_digits.py
NUM_LAYERS = 4  # of configs/train/digits_ctc.yaml
NEAR_STEPS, FAR_STEPS = 500, 800
LABELS = {"labels": "train", "val_labels": "val"}  # settings, and the splits they are of


@dataclass(frozen=True)
class AskedRound(Round):
    """A round on utterances with questions and the labels of all their frames."""

    def data(self, out: Path) -> Config:
        """Return settings of the data that differ from the configuration."""
        own = {name: str(out / f"answers-{self.corpus}" / split) for name, split in LABELS.items()}
        own |= {"val_source": str(out / self.corpus / "val")}
        whole = {"max_seconds": None, "min_seconds": 1.0, "crops": "beginning"}
        return super().data(out) | own | whole


ASKED_ROUNDS: dict[str, Round] = {
    "near": AskedRound("digits_pretrain", NEAR_STEPS, None, "near", 8.0, 0.1),
    "far": AskedRound("digits_pretrain", FAR_STEPS, None, "far", 16.0, 0.1),
}


def context_stages(seed: int, share: float) -> list[Stage]:
    """Return all that is trained with one seed.

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
    return stages
