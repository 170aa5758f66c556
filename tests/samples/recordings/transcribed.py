"""Recordings with transcripts, of a length each."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from datamodules.utterances.transcribed import TranscribedSpeech

TEXTS = ("ONE", "TWO TWO", "THREE", "IT'S FOUR")


def write_sound(path: Path, num_samples: int, rate_hz: int = 16_000) -> None:
    """Write a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(np.arange(num_samples) / 7 + num_samples), rate_hz)


def write_corpus(folder: Path, count: int = 12, rate_hz: int = 16_000) -> Path:
    """Write sounds from 0.5 s on, each of its own length, and their transcripts."""
    lines = []
    for number in range(count):
        name = f"{number:02d}.wav"
        write_sound(
            folder / name, (8_000 + 441 * (number * 5 % count)) * rate_hz // 16_000, rate_hz
        )
        lines.append(f"{name}\t{TEXTS[number % len(TEXTS)]}\n")
    (folder / "transcripts.tsv").write_text("".join(lines))
    return folder


def speech(folder: Path | str, **settings: Any) -> Any:
    """Read them in one process, in batches of 4 seconds."""
    return TranscribedSpeech(str(folder), **({"num_workers": 0, "batch_seconds": 4.0} | settings))
