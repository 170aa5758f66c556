"""What a model answers to questions about the first word, by how long ago it was said."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.digits.context.labels import NUM_WORDS, number_words
from benchmarks.digits.errors import read_transcripts
from benchmarks.digits.rounds import Model
from datamodules.geometry import HOP_SAMPLES, frames_for_samples
from datamodules.recordings.decoding import decode
from datamodules.recordings.listing import read_header
from lightning_modules.speech.masked_prediction import MaskedPrediction

Parts = list[dict[str, Any]]
"""The recordings of an utterance, as the manifest of a corpus has them."""

Missed = dict[str, list[list[int]]]
"""`words` and `answers` of every utterance in the order of names, 1 where one was missed."""


def distances(parts: Parts) -> list[int]:
    """Return how long ago the first word was, in frames, for every question of an utterance.

    It is counted from the end of the first word to the beginning of the question, rounded down: a
    frame of the question is at least as far from every frame that has something of the first word.
    """
    end = parts[0]["start"] + parts[0]["samples"]
    return [(part["start"] + part["samples"] - end) // HOP_SAMPLES for part in parts]


def spans(parts: Parts, num_frames: int) -> Iterator[tuple[slice, slice]]:
    """Yield the frames of every word, and of the question behind it."""
    starts = [part["start"] // HOP_SAMPLES for part in parts]
    ends = [(part["start"] + part["samples"]) // HOP_SAMPLES for part in parts]
    for (start, following), end in zip(pairwise([*starts, num_frames]), ends, strict=True):
        yield slice(start, end), slice(end, following)


def find_missed(logits: Tensor, parts: Parts, words: list[int]) -> tuple[list[int], list[int]]:
    """Return 1 for every word, and for every answer, that the frames do not vote for, else 0.

    The frames of a word or of a question vote by the mean of their log-probabilities.

    Args:
        logits: (frames, labels), the words before the answers.
        parts: The recordings of the utterance.
        words: The number of the word of each recording.
    """
    scores = logits.log_softmax(-1)
    missed_words, missed_answers = [], []
    for (said, asked), word in zip(spans(parts, len(logits)), words, strict=True):
        heard = int(scores[said, :NUM_WORDS].mean(0).argmax())
        answered = int(scores[asked, NUM_WORDS:].mean(0).argmax())
        missed_words.append(int(heard != word))
        missed_answers.append(int(answered != words[0]))
    return missed_words, missed_answers


@torch.no_grad()
def listen(model: Model, weights: Path, corpus: Path, path: Path) -> None:
    """Let a model answer the questions of the test utterances, unless it has; note what it missed.

    Args:
        model: The model.
        weights: What it exported after its training.
        corpus: The corpus with questions.
        path: The file that is written.
    """
    if path.exists():
        return
    module = MaskedPrediction(
        num_classes=2 * NUM_WORDS, checkpoint=str(weights), **model.settings
    ).eval()
    said = read_transcripts(corpus / "test/transcripts.tsv")
    numbers = number_words(corpus)
    utterances = json.loads((corpus / "manifest.json").read_text())["utterances"]["test"]
    missed: Missed = {"words": [], "answers": []}
    for name, parts in sorted(utterances.items()):
        words = [numbers[word] for word in said[name][0::2]]
        logits = _frame_logits(module, corpus / "test" / name)
        for kind, found in zip(missed, find_missed(logits, parts, words), strict=True):
            missed[kind].append(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(missed))


def _frame_logits(module: MaskedPrediction, path: Path) -> Tensor:
    """Return the logits of a recording of which nothing is masked, (frames, labels)."""
    recording = read_header(path, path.parent)
    num_frames = frames_for_samples(recording.num_samples)
    batch = {
        "input_values": decode(recording, recording.num_samples)[None],
        "mask_time_indices": torch.zeros(1, num_frames, dtype=torch.bool),
        "labels": torch.zeros(1, num_frames, dtype=torch.long),
    }
    logits: Tensor = module(batch).logits[0]
    return logits
