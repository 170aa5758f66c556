"""What is trained for the table of needed context: HuBERT once, then the task with each window.

Every model of the table begins with the same weights, those of a HuBERT that has learnt to write
digits, and gets the same rounds of the task, on utterances of few words and then on longer ones.
The label of a frame is the word that is said, or in a pause the answer. CTC, which tells of every
answer in a single frame, taught a model of this size no answer in minutes.
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.digits.rounds import HUBERT, ROUNDS, Config, Model, Round, Run
from benchmarks.digits.stages import Stage, fit_stage

WINDOWS = (8, 32, 64, 100, 200, 400)
MODELS = (*(Model("lhubert", window) for window in WINDOWS), HUBERT)  # as the table has them
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


def hubert_runs(seed: int, share: float, name: str) -> list[tuple[Run, str | None]]:
    """Return what HuBERT is trained on before the task, each with the weights it begins with.

    Args:
        seed: Of weights, order and masks.
        share: Of the training steps; below 1 for a trial.
        name: The folder of the model, within that of the seed.
    """
    runs: list[tuple[Run, str | None]] = []
    weights: str | None = None
    for each in BEFORE:
        run = Run(f"seed-{seed}/{name}/{each}", HUBERT, ROUNDS[each], seed, share)
        runs.append((run, weights))
        weights = f"{run.folder}/exported"
    return runs


def context_stages(seed: int, share: float, digits: Path | None = None) -> list[Stage]:
    """Return all that is trained with one seed.

    Args:
        seed: Of weights, order and masks.
        share: Of the training steps; below 1 for a trial.
        digits: A run directory of the spoken digits, whose HuBERT of this seed is taken; None
            trains one.
    """
    stages: list[Stage] = []
    hubert: str | None = None
    if digits is not None:
        # Whatever the run directory, this is not within it.
        hubert = str(digits.resolve() / f"seed-{seed}/{HUBERT.name}/{BEFORE[-1]}/exported")
    else:
        for run, weights in hubert_runs(seed, share, "digits"):
            stages.append(fit_stage(run, weights))
            hubert = f"{run.folder}/exported"
    # HuBERT comes first: it tells whether the task can be learned.
    for model in sorted(MODELS, key=lambda each: each is not HUBERT):
        weights = hubert
        for name, each in ASKED_ROUNDS.items():
            run = Run(f"seed-{seed}/{model.name}/{name}", model, each, seed, share)
            stages.append(fit_stage(run, weights))
            weights = f"{run.folder}/exported"
    return stages
