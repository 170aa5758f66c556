"""Short recordings of words to compose a corpus of, and how."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from datamodules.composing.settings import ComposeSettings

LABELS = ("0", "7", "yes")
SPEAKERS = ("ann", "bo_b")
TAKES = range(6)
SMALL = ComposeSettings(words_per_utterance=(3, 4), gap_seconds=(0.01, 0.02), test_takes=2)


def write_words(folder: Path) -> Path:
    """Write 36 short tones, each of its own length and pitch."""
    folder.mkdir()
    count = 0
    for label in LABELS:
        for speaker in SPEAKERS:
            for take in TAKES:
                count += 1
                tone = 0.3 * np.sin(np.arange(300 + 11 * count) * (0.2 + 0.03 * count))
                soundfile.write(folder / f"{label}_{speaker}_{take}.wav", tone, 8_000)
    return folder


def manifest_of(corpus: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the recordings of every utterance of every split."""
    utterances: dict[str, dict[str, list[dict[str, Any]]]]
    utterances = json.loads((corpus / "manifest.json").read_text())["utterances"]
    return utterances
