"""Labels in fairseq's files: `train.km` with its manifest `train.tsv` and `dict.km.txt`.

Source: facebookresearch/fairseq, examples/hubert/simple_kmeans. `train.tsv` has a root folder, then
`path<TAB>samples` for every recording, `train.km` a line of labels for each in the same order,
`dict.km.txt` a line `label count` for every cluster.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.labels.foreign import ForeignLabels, fitting_rate
from datamodules.labels.format import RATES_HZ, LabelFacts, read_lines, read_names
from datamodules.labels.reading import LabelLines, check_line_count
from datamodules.recordings.recording import Recording

ENDING, DICTIONARY = ".km", "dict.km.txt"


class FairseqLabels(ForeignLabels):
    """Labels of fairseq.

    Args:
        path: The `.km` file; its manifest is beside it, and `dict.km.txt` should be.
        num_clusters: Number of clusters; None = what `dict.km.txt` has.
        rate_hz: Labels of one second; None = the rate that fits the manifest.

    Raises:
        DataError: A file is missing or damaged, they do not fit each other, or a setting does not
            fit them.
    """

    def __init__(
        self, path: str | Path, num_clusters: int | None = None, rate_hz: int | None = None
    ) -> None:
        file = Path(path)
        manifest = file.with_suffix(".tsv")
        for needed in (file, manifest):
            if not needed.is_file():
                raise DataError(
                    f"`labels` {file} must be a file of fairseq's with its manifest beside it, "
                    f"{needed} does not exist"
                )
        names, self._samples = read_names(manifest, num_heads=1)
        self._lines = LabelLines(file)
        check_line_count(self._lines, len(names), manifest.name)
        found = self._find_rate(file, rate_hz)
        facts = LabelFacts(_count_clusters(file, num_clusters), found, None, f"those of {file}")
        super().__init__(file, facts, names, self._lines.counts)

    def read(self, place: int) -> NDArray[np.int64]:
        """Read a line, (labels,) int64."""
        return self._lines.read(place)

    def check_count(self, recording: Recording) -> None:
        """Compare samples and labels with the audio.

        Raises:
            DataError: They are of other audio.
        """
        stated = int(self._samples[self._place(recording.name)])
        if stated != recording.num_samples:
            raise DataError(
                f"{self._labels_of(recording.name)} must be of the same audio, {stated} samples "
                f"as its manifest says, got {recording.num_samples}"
            )
        super().check_count(recording)

    def _find_rate(self, file: Path, stated: int | None) -> int:
        """Return the rate that fits the manifest.

        Raises:
            DataError: Neither does, or another one was stated.
        """
        found = fitting_rate(self._lines.counts, self._samples)
        if found is None:
            per_second = 16_000 * self._lines.counts.sum() / max(1, self._samples.sum())
            raise DataError(
                f"`labels` {file} must have {RATES_HZ[0]} or {RATES_HZ[1]} labels for a second of "
                f"its manifest, got {per_second:.1f}"
            )
        if stated not in (None, found):
            raise DataError(f"`label_rate_hz` must be {found} for {file}, got {stated}")
        return found


def _count_clusters(file: Path, stated: int | None) -> int:
    """Return the number of clusters that the dictionary beside a file has.

    Raises:
        DataError: It is damaged, or another number was stated, or there is neither.
    """
    dictionary = file.with_name(DICTIONARY)
    if not dictionary.exists():
        if stated is None:
            raise DataError(
                f"`num_clusters` must be given for {file}, which has no {DICTIONARY} beside it"
            )
        return stated
    words = [line.split() for line in read_lines(dictionary)]
    entries = sorted(int(w[0]) if len(w) == 2 and w[0].isdigit() else -1 for w in words)
    if entries != list(range(len(entries))):
        raise DataError(
            f"{dictionary} must have a line `label count` for every label from 0 on, once each"
        )
    if stated not in (None, len(entries)):
        raise DataError(
            f"`num_clusters` must be {len(entries)}, as {dictionary} says, got {stated}"
        )
    return len(entries)
