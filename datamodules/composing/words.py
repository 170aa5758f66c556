"""Short labelled recordings: their names, which are for testing, which go into one utterance."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.errors import DataError, shown
from datamodules.files.finding import resolve_source
from datamodules.recordings.layouts import list_files
from datamodules.recordings.listing import read_header
from datamodules.recordings.recording import Recording

# Both end up in a line `name<TAB>text` of transcripts: the speaker in the name, and the label in
# the text, where no bytes may be that are no UTF-8, which are lone surrogates here.
NAME = re.compile(r"([^_\t\n\ud800-\udfff]+)_([^\t\n]+)_(\d+)")
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")


@dataclass(frozen=True)
class Word:
    """A recording of one word.

    Args:
        recording: The audio file.
        text: The word, as it stands in a transcript.
        speaker: Name of the speaker.
        take: Number of the recording among this speaker's of the word.
    """

    recording: Recording
    text: str
    speaker: str
    take: int


def list_words(source: str) -> list[Word]:
    """List the recordings of a folder, named `label_speaker_take`, decoding nothing.

    Raises:
        DataError: There is no such folder, or a file has another name.
        BadSampleError: A file is damaged, or a folder cannot be read.
    """
    folder = resolve_source(source, "recordings")
    if not folder.is_dir():
        raise DataError(f"`recordings` must be a folder of audio, got {source}")
    return [_parse(path, folder) for path in list_files(folder, "folder")]


def _parse(path: Path, folder: Path) -> Word:
    parts = NAME.fullmatch(path.stem)
    if parts is None:
        raise DataError(
            f"`recordings` must hold files named label_speaker_take, as in 7_theo_12.wav, in "
            f"one line without tabs and with a label in UTF-8, got {shown(path)}"
        )
    label, speaker, take = parts.groups()
    is_digit = len(label) == 1 and label in "0123456789"
    text = DIGITS[int(label)] if is_digit else label.upper()
    return Word(read_header(path, folder), text, speaker, int(take))


def split_takes(takes: Iterable[int], share: float, random: np.random.Generator) -> set[int]:
    """Choose a share of the takes, at least one, for validation; none when the share is 0.

    Raises:
        DataError: There are too few takes.
    """
    found = sorted(set(takes))
    if not share:
        return set()
    count = max(1, round(share * len(found)))
    if count >= len(found):
        raise DataError(
            f"`val_share` {share:g} must leave takes to train on, got {len(found)} takes in all"
        )
    return set(random.permutation(found)[:count].tolist())


def group(
    words: Sequence[Word], sizes: tuple[int, int], random: np.random.Generator
) -> list[list[Word]]:
    """Shuffle words into utterances, each word once.

    Args:
        words: At least as many as the smallest utterance has.
        sizes: Fewest and most words of an utterance; more only where no number of utterances fits.
        random: Source of chance.
    """
    counts = _counts(len(words), *sizes, random)
    order = random.permutation(len(words)).tolist()
    return [
        [words[place] for place in order[end - count : end]]
        for end, count in zip(np.cumsum(counts).tolist(), counts, strict=True)
    ]


def _counts(total: int, fewest: int, most: int, random: np.random.Generator) -> list[int]:
    """Draw how many words utterances have, all from `fewest` to `most`, then make the sum fit."""
    usual = round(2 * total / (fewest + most))
    number = min(max(usual, -(-total // most)), total // fewest)
    counts = random.integers(fewest, most, number, endpoint=True)
    while missing := total - int(counts.sum()):
        movable = counts < most if missing > 0 else counts > fewest
        if not movable.any():
            movable = counts == counts.min()
        counts[random.choice(np.flatnonzero(movable))] += np.sign(missing)
    return [int(count) for count in counts]
