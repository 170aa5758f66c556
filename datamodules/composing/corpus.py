"""Compose a corpus of longer utterances from short labelled recordings, split by recording.

A corpus is a folder with `train`, `val` and `test`, each with wav files of 16 kHz and their
`transcripts.tsv`, and a `manifest.json` that says which recording went where.
"""

import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from datamodules.composing.questions import Questions, name_answers
from datamodules.composing.sounds import Augmentation, Gaps, compose_sound, write_sound
from datamodules.composing.words import Word, group, list_words, split_takes
from datamodules.errors import DataError, validate_choice, validate_minimum
from datamodules.nesting import parse_json
from datamodules.recordings.transcripts import TRANSCRIPTS

PASSES = {"train": "passes", "val": "val_passes", "test": "test_passes"}
SPLITS = tuple(PASSES)
MANIFEST = "manifest.json"
FORMAT = 2  # raise it when the same settings compose something else


@dataclass(frozen=True)
class ComposeSettings:
    """How a corpus is composed.

    Args:
        words_per_utterance: Fewest and most words of an utterance.
        gap_seconds: Shortest and longest gap between two words.
        gap_noise: Root mean square of the noise in a gap; 0 is silence.
        speakers: Whether an utterance has words of the `same` speaker, or `mixed` ones.
        test_takes: Takes below this number are for testing.
        test_speakers: Speakers whose recordings are all for testing, and then nobody else's are:
            `test_takes` has no meaning.
        val_share: Share of the other takes that is for validation; 0 makes no such split.
        passes: How often a training recording is used.
        val_passes: How often a recording for validation is used.
        test_passes: How often a recording for testing is used, each time in other company.
        augmentation: How recordings for training are changed, anew every time one is used.
        questions: What follows every word and asks for the first one; None asks nothing. The
            transcript has a letter for the answer after every word.
        seed: Chooses everything that is left to chance.
    """

    words_per_utterance: tuple[int, int] = (8, 14)
    gap_seconds: tuple[float, float] = (0.05, 0.35)
    gap_noise: float = 0.001
    speakers: Literal["same", "mixed"] = "same"
    test_takes: int = 10
    test_speakers: tuple[str, ...] = ()
    val_share: float = 0.1
    passes: int = 1
    val_passes: int = 1
    test_passes: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    questions: Questions | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            DataError: One cannot be.
        """
        validate_choice("speakers", self.speakers, ("mixed", "same"))
        for name, least in {"words_per_utterance": 1, "gap_seconds": 0}.items():
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise DataError(
                    f"`{name}` must be two numbers of at least {least}, the smaller one first, "
                    f"got {low} and {high}"
                )
        for name in ("gap_noise", "test_takes", "seed"):
            validate_minimum(name, getattr(self, name), 0)
        for name in PASSES.values():
            validate_minimum(name, getattr(self, name), 1)
        if not 0 <= self.val_share < 1:
            raise DataError(f"`val_share` must be at least 0 and below 1, got {self.val_share}")


def compose(
    recordings: str, folder: str, settings: ComposeSettings | None = None, fresh: bool = False
) -> Path:
    """Compose a corpus, or do nothing when `folder` has just that.

    Args:
        recordings: Folder of recordings named label_speaker_take, as in 7_theo_12.wav.
        folder: The corpus; it appears when it is whole.
        settings: How to compose.
        fresh: Replace a corpus of other settings or recordings.

    Returns:
        The folder.

    Raises:
        DataError: A recording is damaged or has another name, there are too few of them, or
            `folder` holds something else.
    """
    settings = settings or ComposeSettings()
    target = Path(folder).expanduser()
    words = list_words(recordings)
    facts = {
        "format": FORMAT,
        "settings": _facts_of(settings),
        "recordings": fingerprint_words(words),
    }
    if _is_composed(target, facts, fresh):
        return target
    splits = plan(words, settings)
    answers = name_answers(word.text for word in words) if settings.questions else {}
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        whole = Path(temporary, "whole")
        composed = {
            split: _write_split(whole / split, split, utterances, settings, answers)
            for split, utterances in splits.items()
        }
        manifest = json.dumps({**facts, "utterances": composed}, indent=1)
        (whole / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        if target.exists():
            os.replace(target, Path(temporary, "replaced"))
        os.replace(whole, target)
    return target


def _facts_of(settings: ComposeSettings) -> dict[str, Any]:
    """Return the settings as JSON has them; a corpus without questions is what it always was."""
    facts: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    if settings.questions is None:
        del facts["questions"]
    return facts


def fingerprint_words(words: list[Word]) -> str:
    """Hash names and sizes of recordings."""
    digest = hashlib.sha256()
    for word in words:
        size = word.recording.path.stat().st_size
        digest.update(json.dumps([word.recording.name, size]).encode())
    return digest.hexdigest()[:16]


def _is_composed(target: Path, facts: dict[str, Any], fresh: bool) -> bool:
    """Return whether the corpus is there; refuse to replace a folder that was not composed."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    try:
        manifest = parse_json((target / MANIFEST).read_text(encoding="utf-8"))
        found = {name: manifest[name] for name in facts}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"`folder` {target} exists, and is no composed corpus") from error
    if found == facts:
        return True
    if not fresh:
        raise DataError(
            f"`folder` {target} was composed with other {_difference(found, facts)}; `fresh` "
            "replaces it"
        )
    return False


def _difference(found: dict[str, Any], facts: dict[str, Any]) -> str:
    before, after = found["settings"], facts["settings"]
    changed = [name for name in after if before.get(name) != after[name]]
    if changed:
        return "settings: " + ", ".join(f"`{name}`" for name in changed)
    return "recordings" if found["recordings"] != facts["recordings"] else "rules"


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


def _write_split(
    folder: Path,
    split: str,
    utterances: list[list[Word]],
    settings: ComposeSettings,
    answers: dict[str, str],
) -> dict[str, list[dict[str, Any]]]:
    """Write sounds and transcripts; return the recordings that every utterance is made of."""
    folder.mkdir(parents=True)
    gaps = Gaps(settings.gap_seconds, settings.gap_noise)
    augmentation = settings.augmentation if split == "train" else Augmentation()
    composed, lines = {}, []
    for number, (name, utterance) in enumerate(
        zip(_names(utterances, settings), utterances, strict=True)
    ):
        random = np.random.default_rng([settings.seed, SPLITS.index(split), number])
        recordings = [word.recording for word in utterance]
        sound, composed[name] = compose_sound(
            recordings, gaps, augmentation, random, settings.questions
        )
        write_sound(folder / name, sound)
        lines.append(f"{name}\t{transcript(utterance, answers)}\n")
    (folder / TRANSCRIPTS).write_text("".join(lines), encoding="utf-8")
    return composed


def transcript(utterance: list[Word], answers: dict[str, str]) -> str:
    """Return the words of an utterance, each with the answer behind it where there are answers."""
    behind = f" {answers[utterance[0].text]}" if answers else ""
    return " ".join(word.text + behind for word in utterance)


def _names(utterances: list[list[Word]], settings: ComposeSettings) -> list[str]:
    counts: Counter[str] = Counter()
    names = []
    for utterance in utterances:
        speaker = utterance[0].speaker if settings.speakers == "same" else "mixed"
        names.append(f"{speaker}-{counts[speaker]:04d}.wav")
        counts[speaker] += 1
    return names
