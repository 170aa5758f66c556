"""The sound of an utterance that is composed from recordings of single words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.composing.questions import Questions
from datamodules.errors import DataError, validate_range
from datamodules.geometry import SAMPLE_RATE_HZ, samples_for_seconds
from datamodules.libraries import needed
from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording

Sound = NDArray[np.float32]
PERCENT = 100  # speeds are whole percents: resampling by other ratios needs huge filters


@dataclass(frozen=True)
class Augmentation:
    """How words are changed before they are composed; the defaults change nothing.

    Args:
        speeds: One is chosen for every word, such as (0.9, 1.0, 1.1); pitch follows.
        gain_db: Least and most gain of a word.
        snr_db: Least and most signal-to-noise ratio of white noise over the whole utterance, so
            that gaps are not told by their silence; None adds none.

    Source: speed perturbation, Ko et al. 2015, "Audio augmentation for speech recognition".
    """

    speeds: tuple[float, ...] = (1.0,)
    gain_db: tuple[float, float] = (0.0, 0.0)
    snr_db: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            DataError: One cannot be.
        """
        if not self.speeds or not all(0.5 <= speed <= 2 for speed in self.speeds):
            raise DataError(f"`speeds` must be numbers from 0.5 to 2, got {list(self.speeds)}")
        validate_range("gain_db", self.gain_db)
        if self.snr_db is not None:
            validate_range("snr_db", self.snr_db)

    def change_voice(
        self, sound: Sound, random: np.random.Generator
    ) -> tuple[Sound, dict[str, float]]:
        """Change a word beyond speed and gain; here not at all.

        Args:
            sound: (audio samples,) float32 at 16 kHz.
            random: Source of chance.

        Returns:
            The word, as long as before, and by name what was chosen.
        """
        del random
        return sound, {}


@dataclass(frozen=True)
class Gaps:
    """Shortest and longest gap in seconds, and the root mean square of the noise in it."""

    seconds: tuple[float, float]
    noise: float


def compose_sound(
    recordings: Sequence[Recording],
    gaps: Gaps,
    augmentation: Augmentation,
    random: np.random.Generator,
    questions: Questions | None = None,
) -> tuple[Sound, list[dict[str, Any]]]:
    """Put recordings one after the other, with gaps between them, and a question after each.

    Returns:
        The sound at 16 kHz, (audio samples,) float32, and where every recording is in it: its
        `name`, the audio sample at which it `start`s, how many `samples` it has, its `speed`, and
        what else was chosen for it.

    Raises:
        BadSampleError: A recording is damaged.
    """
    pieces: list[Sound] = []
    parts: list[dict[str, Any]] = []
    end = 0
    for recording in recordings:
        if pieces:
            pieces.append(_gap(gaps, random))
            end += len(pieces[-1])
        speed = float(random.choice(augmentation.speeds))
        gain = 10 ** (random.uniform(*augmentation.gain_db) / 20)
        word, voice = augmentation.change_voice(_at_speed(recording, speed), random)
        pieces.append(gain * word)
        num_samples = len(pieces[-1])
        place = {"name": recording.name, "start": end, "samples": num_samples, "speed": speed}
        parts.append(place | voice)
        end += num_samples
        if questions is not None:
            pieces.append(questions.sound(gaps.noise, random))
            end += len(pieces[-1])
    return _add_noise(np.concatenate(pieces), augmentation.snr_db, random), parts


def _gap(gaps: Gaps, random: np.random.Generator) -> Sound:
    num_samples = samples_for_seconds(random.uniform(*gaps.seconds))
    return gaps.noise * random.standard_normal(num_samples, dtype=np.float32)


def _at_speed(recording: Recording, speed: float) -> Sound:
    samples = decode(recording, recording.num_samples)
    percent = round(PERCENT * speed)
    if percent != PERCENT:
        with needed("torchaudio", "`speeds` other than 1"):
            from torchaudio.functional import resample

        samples = resample(samples, percent, PERCENT)
    sound: Sound = samples.numpy()
    return sound


def _add_noise(
    sound: Sound, snr_db: tuple[float, float] | None, random: np.random.Generator
) -> Sound:
    if snr_db is None:
        return sound
    loudness = float(np.sqrt(np.mean(np.square(sound))))
    level = loudness * 10 ** (-random.uniform(*snr_db) / 20)
    return sound + np.float32(level) * random.standard_normal(len(sound), dtype=np.float32)


def write_sound(path: Path, sound: Sound) -> None:
    """Write a wav file of 16 bits; a sound that is too loud is made softer, not clipped.

    Args:
        path: The file.
        sound: (audio samples,) float32 at 16 kHz.
    """
    with needed("soundfile", "writing audio"):
        import soundfile

    peak = float(np.abs(sound).max(initial=1.0))
    with path.open("wb") as file:  # not by its name, which may have bytes that are no UTF-8
        samples = sound / np.float32(peak)
        soundfile.write(file, samples, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
