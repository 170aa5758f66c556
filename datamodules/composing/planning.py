"""Which recordings make which utterance of which split."""

import numpy as np

from datamodules.composing.settings import PASSES, SPLITS, ComposeSettings
from datamodules.composing.words import Word, group, split_takes
from datamodules.errors import DataError


def plan(words: list[Word], settings: ComposeSettings) -> dict[str, list[list[Word]]]:
    """Decide which recordings make which utterance of which split; no recording is in two splits.

    Raises:
        DataError: There are too few recordings for a split.
    """
    random = np.random.default_rng([settings.seed, len(SPLITS)])
    speakers = sorted({word.speaker for word in words})
    if unknown := sorted(set(settings.test_speakers) - set(speakers)):
        raise DataError(
            f"`test_speakers` must be of {', '.join(speakers)}, got {', '.join(unknown)}"
        )
    is_test = [
        word.speaker in settings.test_speakers
        if settings.test_speakers
        else word.take < settings.test_takes
        for word in words
    ]
    left = [word for word, chosen in zip(words, is_test, strict=True) if not chosen]
    val_takes = split_takes((word.take for word in left), settings.val_share, random)
    chosen = {
        "train": [word for word in left if word.take not in val_takes],
        "val": [word for word in left if word.take in val_takes],
        "test": [word for word, is_chosen in zip(words, is_test, strict=True) if is_chosen],
    }
    return {
        split: _utterances(split, chosen[split], settings)
        for split in SPLITS
        if split != "val" or settings.val_share
    }


def _utterances(split: str, words: list[Word], settings: ComposeSettings) -> list[list[Word]]:
    fewest = settings.words_per_utterance[0]
    random = np.random.default_rng([settings.seed, SPLITS.index(split)])
    groups: dict[str, list[Word]] = {}
    for word in words:
        groups.setdefault(word.speaker if settings.speakers == "same" else "mixed", []).append(word)
    for name, members in groups.items() if groups else [("anyone", [])]:
        if len(members) < fewest:
            raise DataError(
                f"`words_per_utterance` must begin with at most the number of {split} recordings "
                f"of {name}, {len(members)}, got {fewest}"
            )
    passes = getattr(settings, PASSES[split])
    return [
        utterance
        for _, members in sorted(groups.items())
        for _ in range(passes)
        for utterance in group(members, settings.words_per_utterance, random)
    ]
