"""Labels of every frame of utterances with questions: the word that is said, or the answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.digits.errors import read_transcripts
from datamodules.composing.questions import ANSWERS, name_answers
from datamodules.geometry import HOP_SAMPLES, SAMPLE_RATE_HZ, frames_for_samples
from datamodules.labels.format import FACTS_FILE, LabelFacts
from datamodules.labels.writing import LabelWriter, join
from datamodules.libraries import needed

NUM_WORDS = len(ANSWERS)
FACTS = LabelFacts(2 * NUM_WORDS, SAMPLE_RATE_HZ // HOP_SAMPLES, None, "words and answers")


def label_frames(
    parts: list[dict[str, Any]], words: list[int], num_frames: int
) -> NDArray[np.int64]:
    """Return the label of every frame of an utterance, (frames,) int64.

    Args:
        parts: Its recordings, as the manifest of a corpus has them.
        words: The number of the word of each recording.
        num_frames: Of the utterance.
    """
    labels = np.full(num_frames, NUM_WORDS + words[0])
    for part, word in zip(parts, words, strict=True):
        start = part["start"] // HOP_SAMPLES
        labels[start : (part["start"] + part["samples"]) // HOP_SAMPLES] = word
    return labels


def write_labels(corpus: Path, split: str, folder: Path) -> None:
    """Label a split of a corpus with questions, unless it is done.

    Args:
        corpus: The corpus.
        split: `train` or `val`.
        folder: For the labels.
    """
    if (folder / FACTS_FILE).exists():
        return
    utterances = json.loads((corpus / "manifest.json").read_text())["utterances"][split]
    numbers = number_words(corpus)
    said = read_transcripts(corpus / split / "transcripts.tsv")
    writer = LabelWriter(folder, FACTS)
    for name in sorted(set(utterances) - writer.done):
        words = [numbers[word] for word in said[name][0::2]]
        num_frames = frames_for_samples(_count_samples(corpus / split / name))
        writer.add(name, label_frames(utterances[name], words, num_frames))
    writer.close()
    join(folder, FACTS, sorted(utterances))


def number_words(corpus: Path) -> dict[str, int]:
    """Return the label of every word that is said in training."""
    said = read_transcripts(corpus / "train/transcripts.tsv")
    answers = name_answers(word for words in said.values() for word in words[0::2])
    return {word: ANSWERS.index(letter) for word, letter in answers.items()}


def _count_samples(path: Path) -> int:
    with needed("soundfile", "reading audio"):
        import soundfile

    count: int = soundfile.info(path).frames
    return count
