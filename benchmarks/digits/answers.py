"""Errors in the answers to questions about the first word, by how long ago it was said."""

from dataclasses import dataclass
from typing import Any

import jiwer

from datamodules.geometry import HOP_SAMPLES


@dataclass(frozen=True)
class Heard:
    """What was missed of one utterance: 1 for every word or answer that is not there, else 0."""

    words: list[int]
    answers: list[int]


def find_missed(reference: list[str], hypothesis: list[str]) -> list[int]:
    """Return 1 for every word of the reference that the shortest edit does not keep, else 0."""
    missed = [1] * len(reference)
    (chunks,) = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments
    for chunk in chunks:
        if chunk.type == "equal":
            kept = range(chunk.ref_start_idx, chunk.ref_end_idx)
            missed[kept.start : kept.stop] = [0] * len(kept)
    return missed


def hear(reference: list[str], hypothesis: list[str]) -> Heard:
    """Tell missed words from missed answers; in a reference every word has one behind it."""
    missed = find_missed(reference, hypothesis)
    return Heard(missed[0::2], missed[1::2])


def distances(parts: list[dict[str, Any]]) -> list[int]:
    """Return how long ago the first word was, in frames, for every question of an utterance.

    It is the silence and speech between the end of the first word and the beginning of the word
    that a question stands behind: whoever writes words where they are said writes the answer no
    earlier. The question behind the first word itself has a negative one.

    Args:
        parts: The recordings of the utterance, as the manifest of a corpus has them.
    """
    end = parts[0]["start"] + parts[0]["samples"]
    return [(part["start"] - end) // HOP_SAMPLES for part in parts]
