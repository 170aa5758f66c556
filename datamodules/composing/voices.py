"""Words as other people would say them: pitch and resonances moved, each apart from the speed."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datamodules.composing.sounds import PERCENT, Augmentation, Sound
from datamodules.errors import DataError
from datamodules.libraries import needed

WINDOW, HOP = 512, 128  # audio samples: 32 and 8 ms
# Below 3 ms of the cepstrum lies the shape of the mouth, above it the voice of up to 333 Hz.
SMOOTH = 48
QUIETEST = 1e-4  # of the loudest: what is softer is no resonance to move
MOST_GAIN = 10.0


@dataclass(frozen=True)
class Voices(Augmentation):
    """How words are changed as by other speakers; the defaults change nothing.

    Args:
        pitches: One is chosen for every word: by how much its pitch and its resonances rise, the
            duration staying as it is.
        formants: One is chosen for every word: by how much its resonances rise, pitch and duration
            staying as they are, as in a shorter vocal tract.

    Source: Jaitly and Hinton 2013, "Vocal tract length perturbation improves speech recognition".
    """

    pitches: tuple[float, ...] = (1.0,)
    formants: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            DataError: One cannot be.
        """
        super().__post_init__()
        for name in ("pitches", "formants"):
            found = getattr(self, name)
            if not found or not all(0.5 <= ratio <= 2 for ratio in found):
                raise DataError(f"`{name}` must be numbers from 0.5 to 2, got {list(found)}")

    def change_voice(
        self, sound: Sound, random: np.random.Generator
    ) -> tuple[Sound, dict[str, float]]:
        """Move pitch and resonances of a word.

        Args:
            sound: (audio samples,) float32 at 16 kHz.
            random: Source of chance.

        Returns:
            The word, as long as before, and the `pitch` and `formant` that were chosen.
        """
        pitch = float(random.choice(self.pitches))
        formant = float(random.choice(self.formants))
        samples = move_formants(move_pitch(torch.from_numpy(sound), pitch), formant)
        changed: Sound = samples.numpy()
        return changed, {"pitch": pitch, "formant": formant}


def move_pitch(samples: Tensor, ratio: float) -> Tensor:
    """Raise all frequencies of a sound by a ratio, in whole percents, without changing its length.

    Args:
        samples: (audio samples,) float32.
        ratio: Above 1 is higher.

    Returns:
        (audio samples,), stretched by a phase vocoder and resampled to its length.
    """
    percent = round(PERCENT * ratio)
    if percent == PERCENT or not len(samples):
        return samples
    with needed("torchaudio", "`pitches` other than 1"):
        from torchaudio.functional import phase_vocoder, resample

    advance = torch.linspace(0, torch.pi * HOP, WINDOW // 2 + 1)[:, None]
    stretched = phase_vocoder(_spectrum(samples), PERCENT / percent, advance)
    longer = _sound(stretched, round(len(samples) * percent / PERCENT))
    return _of_length(resample(longer, percent, PERCENT), len(samples))


def move_formants(samples: Tensor, ratio: float) -> Tensor:
    """Raise the resonances of a sound by a ratio; the tones that they shape stay where they are.

    The smooth envelope of every short spectrum, from its cepstrum, is stretched along frequency.

    Args:
        samples: (audio samples,) float32.
        ratio: Above 1 is higher, as in a shorter vocal tract.

    Returns:
        (audio samples,).
    """
    if ratio == 1 or not len(samples):
        return samples
    spectrum = _spectrum(samples)
    size = spectrum.abs()
    loudest = size.max().clamp(min=torch.finfo(size.dtype).tiny)
    envelope = _envelope((size / loudest).clamp(min=QUIETEST).log())
    gain = (_stretch(envelope, ratio) - envelope).exp().clamp(1 / MOST_GAIN, MOST_GAIN)
    return _sound(spectrum * gain, len(samples))


def _envelope(log_size: Tensor) -> Tensor:
    """Keep what changes slowly along frequency, of (frequencies, frames)."""
    cepstrum = torch.fft.irfft(log_size, n=WINDOW, dim=0)
    cepstrum[SMOOTH : WINDOW - SMOOTH + 1] = 0
    smooth: Tensor = torch.fft.rfft(cepstrum, dim=0).real
    return smooth


def _stretch(envelope: Tensor, ratio: float) -> Tensor:
    """Read the envelope at every frequency divided by the ratio, (frequencies, frames)."""
    last = len(envelope) - 1
    places = (torch.arange(last + 1) / ratio).clamp(max=last)
    below = places.floor().long().clamp(max=last - 1)
    share = (places - below)[:, None]
    return (1 - share) * envelope[below] + share * envelope[below + 1]


def _spectrum(samples: Tensor) -> Tensor:
    """Return short spectra, (frequencies, frames) complex."""
    window = torch.hann_window(WINDOW)
    return torch.stft(samples, WINDOW, HOP, window=window, return_complex=True, pad_mode="constant")


def _sound(spectrum: Tensor, num_samples: int) -> Tensor:
    """Return the sound of short spectra, (audio samples,)."""
    window = torch.hann_window(WINDOW)
    return torch.istft(spectrum, WINDOW, HOP, window=window, length=num_samples)


def _of_length(samples: Tensor, num_samples: int) -> Tensor:
    missing = max(0, num_samples - len(samples))
    return torch.nn.functional.pad(samples, (0, missing))[:num_samples]
