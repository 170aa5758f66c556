"""Compose a corpus of longer utterances from short labelled recordings, split by recording.

A corpus is a folder with `train`, `val` and `test`, each with wav files of 16 kHz and their
`transcripts.tsv`, and a `manifest.json` that says which recording went where.
"""

import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from datamodules.composing.planning import plan
from datamodules.composing.questions import name_answers
from datamodules.composing.settings import SPLITS, ComposeSettings
from datamodules.composing.sounds import Augmentation, Gaps, compose_sound, write_sound
from datamodules.composing.words import Word, list_words
from datamodules.errors import DataError
from datamodules.files.finding import find_place
from datamodules.nesting import parse_json
from datamodules.recordings.transcripts import TRANSCRIPTS

MANIFEST = "manifest.json"
FORMAT = 2  # raise it when the same settings compose something else


def compose(
    recordings: str, folder: str, settings: ComposeSettings | None = None, fresh: bool = False
) -> Path:
    """Compose a corpus, or do nothing when `folder` has just that.

    Args:
        recordings: Folder of recordings named label_speaker_take, as in 7_theo_12.wav.
        folder: The corpus; it appears when it is whole.
        settings: How to compose.
        fresh: Compose anew, and replace a corpus that is there, whatever it was composed of.

    Returns:
        The folder.

    Raises:
        DataError: A recording is damaged or has another name, a folder of them cannot be read,
            there are too few of them, or `folder` holds something else.
    """
    settings = settings or ComposeSettings()
    target = find_place(folder, "folder")
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
    """Hash names and contents of recordings, which are short."""
    digest = hashlib.sha256()
    for word in words:
        with word.recording.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(json.dumps([word.recording.name, content]).encode())
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
    if fresh:
        return False
    if found != facts:
        raise DataError(
            f"`folder` {target} was composed with other {_difference(found, facts)}; `fresh` "
            "replaces it"
        )
    return True


def _difference(found: dict[str, Any], facts: dict[str, Any]) -> str:
    before, after = found["settings"], facts["settings"]
    # A setting without a value has no name among the facts: either side may have more of them.
    changed = [name for name in after | before if before.get(name) != after.get(name)]
    if changed:
        return "settings: " + ", ".join(f"`{name}`" for name in changed)
    return "recordings" if found["recordings"] != facts["recordings"] else "rules"


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
    # As `read_names` reads it: the name of a speaker may have bytes that are no UTF-8.
    (folder / TRANSCRIPTS).write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
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
