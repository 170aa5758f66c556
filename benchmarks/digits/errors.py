"""Word errors of every recording: which words of an utterance were missed, and what was put in."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import jiwer


def read_transcripts(path: Path) -> dict[str, list[str]]:
    """Return the words of every recording of a `transcripts.tsv`."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return {name: text.split() for name, text in lines}


def errors_of_words(reference: list[str], hypothesis: list[str]) -> list[int]:
    """Return the errors of every word of the reference, by the shortest edit.

    A word that was missed or replaced has one; a word that was put in counts for the word before
    it, and for the first one where there is none before. The sum is the edit distance.
    """
    errors = [0] * len(reference)
    (chunks,) = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments
    for chunk in chunks:
        if chunk.type == "insert":
            before = max(0, chunk.ref_start_idx - 1)
            errors[before] += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            for place in range(chunk.ref_start_idx, chunk.ref_end_idx):
                errors[place] += 1
    return errors


def errors_of_recordings(
    utterances: dict[str, list[dict[str, Any]]],
    references: dict[str, list[str]],
    hypotheses: dict[str, list[str]],
) -> list[list[int]]:
    """Return the errors of every short recording in every utterance that has it.

    Args:
        utterances: By name, the recordings an utterance is composed of, as the manifest has them.
        references: By name of the utterance, its words.
        hypotheses: The same as a model heard it.

    Returns:
        (recordings, compositions), recordings in the order of their names.
    """
    errors: dict[str, list[int]] = defaultdict(list)
    for name, parts in sorted(utterances.items()):
        found = errors_of_words(references[name], hypotheses[name])
        for part, count in zip(parts, found, strict=True):
            errors[part["name"]].append(count)
    return [errors[name] for name in sorted(errors)]
