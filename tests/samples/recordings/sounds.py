"""Sounds made on the spot, and files of them."""

import math
from pathlib import Path

import numpy as np
import soundfile

NUM_SAMPLES = 37_000


def sound(num_samples: int = NUM_SAMPLES) -> np.ndarray:
    """Return a tone, silence and noise, of which a variable rate makes frames of unequal size."""
    part = num_samples // 3
    noise = np.random.default_rng(0).normal(0, 0.2, num_samples - 2 * part)
    return np.concatenate([0.2 * np.sin(np.arange(part) / 6), np.zeros(part), noise])


def write_audio(
    path: Path,
    num_samples: int,
    rate_hz: int = 16_000,
    hertz: float = 440.0,
    channels: int = 1,
) -> Path:
    """Write a tone of so many samples per channel, and return its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.5 * np.sin(2 * math.pi * hertz * np.arange(num_samples) / rate_hz)
    soundfile.write(path, np.stack([tone] * channels, axis=1), rate_hz)
    return path
