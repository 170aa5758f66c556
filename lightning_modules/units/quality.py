"""How much cluster labels say about phones, where an alignment of phones is given.

Source: HuBERT, Hsu et al. 2021, section IV-C ("Measuring the quality of hidden units").
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_modules.counted import counted
from lightning_modules.errors import ModelError

RATES_HZ = (50, 100)
TOLERANCE_SECONDS = 0.1  # by which an alignment may be longer or shorter than the labels
STRESS = "0123456789"

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class LabelQuality:
    """How much the cluster of a frame says about its phone, and the phone about the cluster.

    Args:
        phone_purity: Share of frames whose phone is the most frequent one of their cluster.
        cluster_purity: Share of frames whose cluster is the most frequent one of their phone.
        pnmi: Mutual information of phones and clusters over the entropy of phones; NaN where all
            frames have the same phone.
        num_frames: Number of frames that were compared.
    """

    phone_purity: float
    cluster_purity: float
    pnmi: float
    num_frames: int

    def __str__(self) -> str:
        return (
            f"phone purity {self.phone_purity:.4f}, cluster purity {self.cluster_purity:.4f}, "
            f"PNMI {self.pnmi:.4f} over {counted(self.num_frames, 'frame')}"
        )


def quality_of(joint: Labels) -> LabelQuality:
    """Compute the measures of a joint histogram.

    Args:
        joint: (phones, clusters), the number of frames that have both.
    """
    from scipy.stats import entropy
    from sklearn.metrics import mutual_info_score

    total = int(joint.sum())
    shares = joint / total
    information = float(mutual_info_score(None, None, contingency=joint))
    uncertainty = float(entropy(joint.sum(1)))
    return LabelQuality(
        phone_purity=float(shares.max(0).sum()),
        cluster_purity=float(shares.max(1).sum()),
        pnmi=information / uncertainty if uncertainty > 0 else float("nan"),
        num_frames=total,
    )


class Alignment:
    """A file of phones: `rate_hz<TAB>100` (or 50), then a line `name<TAB>phone phone ...` each.

    Digits at the end of a phone, its stress, do not count.

    Args:
        path: The file.

    Raises:
        ModelError: It is missing, or its first line does not state the rate.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with Path(path).open(encoding="utf-8", errors="surrogateescape") as file:
                name, _, rate = file.readline().rstrip("\n").partition("\t")
        except OSError as error:
            raise ModelError(f"`alignment` must be a file of phones, got {path}") from error
        if name != "rate_hz" or rate not in map(str, RATES_HZ):
            raise ModelError(
                f"the first line of `alignment` {path} must be `rate_hz<TAB>` and "
                f"{RATES_HZ[0]} or {RATES_HZ[1]}, got {name!r} and {rate!r}"
            )
        self.rate_hz = int(rate)

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the name and the phones of every recording."""
        with Path(self.path).open(encoding="utf-8", errors="surrogateescape") as file:
            for number, line in enumerate(file, 1):
                name, separator, phones = line.rstrip("\n").rpartition("\t")
                if not separator or not phones.strip():
                    raise ModelError(
                        f"line {number} of `alignment` {self.path} must be "
                        f"`name<TAB>phone phone ...`, got {line[:80]!r}"
                    )
                if number > 1:
                    yield name, [phone.rstrip(STRESS) or phone for phone in phones.split()]


def measure(
    alignment: Alignment, labels_of: Callable[[str], Labels | None], rate_hz: int, num_clusters: int
) -> LabelQuality:
    """Compare labels with an alignment, recording by recording.

    Where the rates differ, every second entry of the faster one is compared.

    Args:
        alignment: The phones.
        labels_of: Returns the labels of a recording, (frames,), or None, and it is passed over.
        rate_hz: Labels per second, 50 or 100.
        num_clusters: Every label is below it.

    Raises:
        ModelError: An alignment is longer or shorter than the labels by more than 0.1 s, or there
            is none of any recording with labels.
    """
    rows: dict[str, Any] = {}
    common = min(rate_hz, alignment.rate_hz)
    for name, phones in alignment:
        labels = labels_of(name)
        if labels is None:
            continue
        seconds = len(phones) / alignment.rate_hz - len(labels) / rate_hz
        if abs(seconds) > TOLERANCE_SECONDS:
            raise ModelError(
                f"`alignment` {alignment.path} must be as long as the labels of {name}, "
                f"{len(labels) / rate_hz:.2f} s, got {len(phones) / alignment.rate_hz:.2f} s"
            )
        pairs = zip(
            phones[:: alignment.rate_hz // common], labels[:: rate_hz // common], strict=False
        )
        for phone, label in pairs:
            rows.setdefault(phone, np.zeros(num_clusters, dtype=np.int64))[label] += 1
    if not rows:
        raise ModelError(f"`alignment` {alignment.path} has none of the recordings with labels")
    return quality_of(np.stack(list(rows.values())))
