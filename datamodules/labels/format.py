"""The files of a label folder: their names, their facts, and where their lines are.

`labels.tsv` has a line `name<TAB>count` for every recording, `labels.km` its labels in the same
order, separated by spaces (the format of fairseq), `labels.json` the facts about all of them and
the recordings that were damaged.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.files.names import split_line
from datamodules.geometry import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ
from datamodules.nesting import parse_json

MODEL_RATE_HZ = SAMPLE_RATE_HZ // HOP_SAMPLES
RATES_HZ = (MODEL_RATE_HZ, 2 * MODEL_RATE_HZ)
NAMES_FILE, LABELS_FILE, FACTS_FILE = "labels.tsv", "labels.km", "labels.json"
NEEDED_FACTS = ("num_clusters", "rate_hz", "centroids", "features")
CHUNK_BYTES = 1 << 24
NEWLINE = ord("\n")
SEPARATORS = np.frombuffer(b" \t\r\n", np.uint8)


@dataclass(frozen=True)
class LabelFacts:
    """Facts about labels that training on them needs.

    Args:
        num_clusters: Number of clusters; all labels are below it.
        rate_hz: Labels of one second: 50, or 100 for MFCC.
        centroids: Hash of the k-means that made them; None where nobody knows it.
        features: The features that were clustered, such as "mfcc" or "layer 6 of PATH".
        fingerprint: Changes with the features, as with the weights of their model; None where
            nobody noted it.
    """

    num_clusters: int
    rate_hz: int
    centroids: str | None
    features: str
    fingerprint: str | None = None

    def agree(self, others: "LabelFacts") -> bool:
        """Return whether labels of both may stand in one folder.

        The path in `features` tells models apart only where one side has no fingerprint: one model
        may have several paths, and a path another model than before.
        """
        unknown = None in (self.fingerprint, others.fingerprint)
        told_by = "features" if unknown else "fingerprint"
        names = ("num_clusters", "rate_hz", "centroids", told_by)
        return all(getattr(self, name) == getattr(others, name) for name in names)

    def count_for(self, num_samples: Any) -> Any:
        """Return how many labels a recording with so many audio samples at 16 kHz has.

        Of an array of samples it is an array. A label sees 400 audio samples, and the next label
        begins 160 (at 100 Hz) or 320 later.
        """
        return (num_samples - FRAME_SAMPLES) // (SAMPLE_RATE_HZ // self.rate_hz) + 1


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file of a label folder, without their ends.

    Raises:
        DataError: The file is missing or empty, or its last line was cut short.
    """
    line = b""
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except OSError as error:
        raise missing(path) from error
    if not line.endswith(b"\n"):
        raise DataError(f"`labels` {path} is {'cut short' if line else 'empty'}")


def missing(path: Path) -> DataError:
    """Return the error for a file that a label folder lacks."""
    return DataError(
        f"`labels` {path.parent} must be a folder that `python train.py labels` wrote, with "
        f"{path.name}"
    )


def parse_facts(stated: bytes) -> LabelFacts:
    """Parse facts as JSON; those of earlier programs have no fingerprint.

    Raises:
        ValueError: They are no JSON.
        KeyError: One is missing.
        TypeError: They are no object.
    """
    facts = parse_json(stated)
    needed = {name: facts[name] for name in NEEDED_FACTS}
    return LabelFacts(**needed, fingerprint=facts.get("fingerprint"))


def read_facts(path: Path) -> LabelFacts:
    """Read the facts.

    Raises:
        DataError: The file is missing or damaged, or the rate is not one that fits the model.
    """
    try:
        facts = parse_facts(path.read_bytes())
        is_known = isinstance(facts.num_clusters, int) and facts.num_clusters > 0
    except OSError as error:
        raise missing(path) from error
    except (ValueError, KeyError, TypeError):
        is_known = False
    if not is_known:
        raise DataError(f"`labels` {path} must be a JSON object with {', '.join(NEEDED_FACTS)}")
    if facts.rate_hz not in RATES_HZ:
        raise DataError(
            f"`rate_hz` in {path} must be {RATES_HZ[0]} or {RATES_HZ[1]}, got {facts.rate_hz!r}"
        )
    return facts


def read_names(path: Path, num_heads: int = 0) -> tuple[list[str], NDArray[np.int64]]:
    """Read the names of the recordings, and how many labels each has, (recordings,) int64.

    Args:
        path: The file.
        num_heads: Lines before the first name; a manifest of fairseq's, whose counts are audio
            samples, has one.

    Raises:
        DataError: The file is missing, empty or damaged.
    """
    names, counts = [], []
    lines = itertools.islice(read_lines(path), num_heads, None)
    for number, line in enumerate(lines, num_heads + 1):
        found = split_line(decode_name(line))
        if found is None:
            raise DataError(f"line {number} of {path} must be `name<TAB>count`, got {line[:80]!r}")
        names.append(found[0])
        counts.append(found[1])
    return names, np.array(counts, dtype=np.int64)


def decode_name(name: bytes) -> str:
    """Return the name of a recording, or a line that has one, which may be no UTF-8."""
    return name.decode("utf-8", "surrogateescape")


def encode_name(name: str) -> bytes:
    """Return the bytes of which `decode_name` makes this name."""
    return name.encode("utf-8", "surrogateescape")


def find_lines(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the lines of a file of labels.

    Returns:
        Where every line begins and the last one ends, (lines + 1,) int64, in bytes, and how many
        labels each has, (lines,) int64.

    Raises:
        DataError: The file is missing, empty or cut short.
    """
    ends: list[NDArray[np.int64]] = []
    labels_before: list[NDArray[np.int64]] = []
    place = num_labels = 0
    last = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                text = np.frombuffer(chunk, np.uint8)
                found, begins = np.flatnonzero(text == NEWLINE), _begins(text, last)
                ends.append(place + found)
                labels_before.append(num_labels + np.searchsorted(begins, found))
                place += len(chunk)
                num_labels += len(begins)
                last = chunk[-1:]
    except OSError as error:
        raise missing(path) from error
    if last != b"\n":
        raise DataError(f"`labels` {path} is {'cut short' if last else 'empty'}")
    starts = np.concatenate([[0], np.concatenate(ends) + 1])
    return starts, np.diff(np.concatenate([[0], np.concatenate(labels_before)]))


def _begins(text: NDArray[np.uint8], before: bytes) -> NDArray[np.int64]:
    """Return the places in a text at which a label begins; `before` is what stands before it."""
    is_label = ~np.isin(text, SEPARATORS)
    was_label = bool(before) and before[0] not in SEPARATORS
    return np.flatnonzero(is_label & ~np.concatenate([[was_label], is_label[:-1]]))
