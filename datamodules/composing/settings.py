"""How a corpus is composed."""

from dataclasses import dataclass, field
from typing import Literal

from datamodules.composing.questions import Questions
from datamodules.composing.sounds import Augmentation
from datamodules.errors import DataError, validate_choice, validate_minimum, validate_range

PASSES = {"train": "passes", "val": "val_passes", "test": "test_passes"}
SPLITS = tuple(PASSES)


@dataclass(frozen=True)
class ComposeSettings:
    """How a corpus is composed.

    Args:
        words_per_utterance: Fewest and most words of an utterance.
        gap_seconds: Shortest and longest gap between two words.
        gap_noise: Root mean square of the noise in a gap; 0 is silence.
        speakers: Whether an utterance has words of the `same` speaker, or `mixed` ones.
        test_takes: Takes below this number are for testing.
        test_speakers: Speakers whose recordings are all for testing, and then nobody else's are:
            `test_takes` has no meaning.
        val_share: Share of the other takes that is for validation; 0 makes no such split.
        passes: How often a training recording is used.
        val_passes: How often a recording for validation is used.
        test_passes: How often a recording for testing is used, each time in other company.
        augmentation: How recordings for training are changed, anew every time one is used.
        questions: What follows every word and asks for the first one; None asks nothing. The
            transcript has a letter for the answer after every word.
        seed: Chooses everything that is left to chance.
    """

    words_per_utterance: tuple[int, int] = (8, 14)
    gap_seconds: tuple[float, float] = (0.05, 0.35)
    gap_noise: float = 0.001
    speakers: Literal["same", "mixed"] = "same"
    test_takes: int = 10
    test_speakers: tuple[str, ...] = ()
    val_share: float = 0.1
    passes: int = 1
    val_passes: int = 1
    test_passes: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    questions: Questions | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            DataError: One cannot be.
        """
        validate_choice("speakers", self.speakers, ("mixed", "same"))
        for name, least in {"words_per_utterance": 1, "gap_seconds": 0}.items():
            validate_range(name, getattr(self, name), least)
        for name in ("gap_noise", "test_takes", "seed"):
            validate_minimum(name, getattr(self, name), 0)
        for name in PASSES.values():
            validate_minimum(name, getattr(self, name), 1)
        if not 0 <= self.val_share < 1:
            raise DataError(f"`val_share` must be at least 0 and below 1, got {self.val_share}")
