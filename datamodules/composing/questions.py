"""Questions in an utterance: a tone, and a pause in which the first word is named once more.

Whoever answers must remember what was said at the start. How long ago that was grows from question
to question, so that one utterance asks at many distances.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError, validate_minimum, validate_range
from datamodules.geometry import SAMPLE_RATE_HZ, samples_for_seconds

Sound = NDArray[np.float32]
ANSWERS = "ABCDJKLMPQ"  # letters that no digit is spelled with


@dataclass(frozen=True)
class Questions:
    """What follows every word of an utterance.

    Args:
        tone_hz: Pitch of the tone.
        tone_seconds: How long it sounds.
        tone_level: Its amplitude, between 0 and 1.
        pause_seconds: Shortest and longest pause after it.
    """

    tone_hz: float = 1_000.0
    tone_seconds: float = 0.1
    tone_level: float = 0.1
    pause_seconds: tuple[float, float] = (0.5, 0.7)

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            DataError: One cannot be.
        """
        for name in ("tone_hz", "tone_seconds", "tone_level"):
            validate_minimum(name, getattr(self, name), 0)
        validate_range("pause_seconds", self.pause_seconds, 0)

    def sound(self, noise: float, random: np.random.Generator) -> Sound:
        """Return a tone and a pause of noise, (audio samples,) float32 at 16 kHz.

        Args:
            noise: Root mean square of the noise.
            random: Source of chance.
        """
        moments = np.arange(samples_for_seconds(self.tone_seconds)) / SAMPLE_RATE_HZ
        tone = (self.tone_level * np.sin(2 * np.pi * self.tone_hz * moments)).astype(np.float32)
        num_pause = samples_for_seconds(random.uniform(*self.pause_seconds))
        sound = np.concatenate([tone, np.zeros(num_pause, dtype=np.float32)])
        sound += np.float32(noise) * random.standard_normal(len(sound), dtype=np.float32)
        return sound


def name_answers(texts: Iterable[str]) -> dict[str, str]:
    """Give every word the letter that answers with it.

    Args:
        texts: The words; one that is there several times counts once.

    Returns:
        The letter by the word.

    Raises:
        DataError: There are more words than letters, or a word is spelled with one of them.
    """
    words = sorted(set(texts))
    if len(words) > len(ANSWERS):
        raise DataError(
            f"`questions` must be asked about at most {len(ANSWERS)} different words, got "
            f"{len(words)}"
        )
    if taken := [word for word in words if set(word) & set(ANSWERS)]:
        raise DataError(
            f"`questions` must be asked about words without the letters {ANSWERS}, got {taken[0]}"
        )
    return dict(zip(words, ANSWERS, strict=False))
