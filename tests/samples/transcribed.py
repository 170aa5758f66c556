"""Recordings with transcripts, of a length each."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from datamodules.utterances.transcribed import TranscribedSpeech


def write_sound(path: Path, num_samples: int, rate_hz: int = 16_000) -> None:
    """Write a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(np.arange(num_samples) / 7 + num_samples), rate_hz)


def speech(folder: Path | str, **settings: Any) -> Any:
    """Read them in one process, in batches of 4 seconds."""
    return TranscribedSpeech(str(folder), **({"num_workers": 0, "batch_seconds": 4.0} | settings))
