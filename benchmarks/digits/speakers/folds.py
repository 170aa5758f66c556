"""Folds in which one speaker is never heard: corpora, rounds of training, stages.

What is trained is that of `stages.py`, in a folder for each speaker, from the recordings of the
others alone: k-means, pre-training and fine-tuning. The rounds differ, and so do the sounds.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.digits.rounds import Round
from benchmarks.digits.running import run
from benchmarks.digits.stages import Stage, seed_stages, shared_stages
from benchmarks.digits.table import BASELINE, CONTROL
from datamodules.composing.corpus import compose
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.voices import Voices
from datamodules.composing.words import list_words

VOICES = Voices(
    speeds=(0.8, 0.87, 0.94, 1.0, 1.08, 1.16, 1.25),
    pitches=(0.85, 0.92, 1.0, 1.08, 1.17),
    formants=(0.85, 0.92, 1.0, 1.09, 1.18),
    gain_db=(-6.0, 6.0),
    snr_db=(10.0, 40.0),
)
WHOLE = ComposeSettings(
    words_per_utterance=(8, 12),
    gap_seconds=(0.0, 0.15),
    passes=8,
    test_passes=2,
    augmentation=VOICES,
)
SHORT = (1, 2)  # words of an utterance from which CTC learns first


@dataclass(frozen=True)
class RegularRound(Round):
    """A round whose model has other fields than its configuration, such as masks and dropout."""

    model_fields: dict[str, float] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Return fields of the model that differ from the configuration."""
        return dict(self.model_fields)


REGULAR = {"mask_feature_prob": 0.3, "hidden_dropout": 0.1}
SOUNDS = ("speeds", "pitches", "formants", "gain_db", "snr_db")  # what changes in a voice
MEANS = (*SOUNDS, "regular")  # and what changes in the model
# With all of them CTC does not begin to spell in these rounds (benchmarks/README.md).
CHOSEN = ("speeds",)


@dataclass(frozen=True)
class Recipe:
    """By which means a model shall learn to understand strangers."""

    means: tuple[str, ...] = CHOSEN

    @property
    def whole(self) -> ComposeSettings:
        """How whole utterances are composed: other sounds than the chosen ones are left alone."""
        chosen = {name: getattr(VOICES, name) for name in SOUNDS if name in self.means}
        return replace(WHOLE, augmentation=Voices(**chosen))

    @property
    def rounds(self) -> dict[str, Round]:
        """The rounds of training, by name."""
        fields = REGULAR if "regular" in self.means else {}
        return {
            "pretrain": Round("digits_pretrain", 300),
            "words": RegularRound("digits_ctc", 3000, 1e-3, "words", 5.0, 0.0, fields),
            "ctc": RegularRound("digits_ctc", 1500, 5e-4, "corpus", 10.0, 0.2, fields),
            "more": RegularRound("digits_ctc", 200, 3e-4, "corpus", 10.0, 0.2, fields),
        }


DEFAULT = Recipe()


@dataclass(frozen=True)
class Fold:
    """A speaker who is left out, and a seed."""

    speaker: str
    seed: int

    @property
    def name(self) -> str:
        """How the fold is called on the command line."""
        return f"{self.speaker}:{self.seed}"

    @classmethod
    def read(cls, name: str) -> "Fold":
        """Read a name back.

        Raises:
            ValueError: It is not `speaker:seed`.
        """
        speaker, _, seed = name.rpartition(":")
        if not speaker or not seed.isdecimal():
            raise ValueError(f"a fold must be `speaker:seed`, as in theo:0, got {name}")
        return cls(speaker, int(seed))


def list_folds(recordings: str, seeds: list[int]) -> list[Fold]:
    """Return every speaker with every seed, all speakers of the first seed first."""
    speakers = sorted({word.speaker for word in list_words(recordings)})
    return [Fold(speaker, seed) for seed in seeds for speaker in speakers]


def prepare(speaker: str, recordings: str, folder: Path, settings: ComposeSettings) -> None:
    """Compose and label what all seeds of a left-out speaker share, unless it is there.

    Args:
        speaker: Whose recordings are for testing, and all of them.
        recordings: Folder of recordings.
        folder: That of the speaker.
        settings: Of whole utterances.

    Raises:
        DataError: There is no such speaker, or the recordings cannot be composed.
    """
    whole = replace(settings, test_speakers=(speaker,))
    with one_at_a_time(folder):  # two seeds of a speaker may begin at the same moment
        compose(recordings, str(folder / "corpus"), whole)
        compose(recordings, str(folder / "words"), replace(whole, words_per_utterance=SHORT))
        for stage in shared_stages():
            run(stage, folder)


def fold_stages(
    fold: Fold, share: float, recipe: Recipe = DEFAULT, few: bool = False
) -> list[Stage]:
    """Return all that is trained and transcribed in one fold, within the folder of its speaker.

    Args:
        fold: Its speaker is in none of the corpora for training.
        share: Of the training steps; below 1 for a trial.
        recipe: The means.
        few: Only what HuBERT and its control take, to compare recipes.
    """
    stages = seed_stages(fold.seed, share, from_start=False, rounds=recipe.rounds)
    rows = [f"seed-{fold.seed}/transcripts/{row}" for row in (BASELINE, CONTROL)]
    if not few:
        return stages
    return [each for each in stages if "/hubert/" in each.name or each.name in rows]


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time do something in a folder; the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
