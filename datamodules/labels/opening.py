"""Opening labels of whatever kind `labels` names."""

from pathlib import Path

from datamodules.errors import DataError, opening, validate_minimum
from datamodules.files.datasets_hub import is_table
from datamodules.files.finding import find_place
from datamodules.labels import fairseq
from datamodules.labels.fairseq import FairseqLabels
from datamodules.labels.format import FACTS_FILE, RATES_HZ
from datamodules.labels.frame_labels import FrameLabels
from datamodules.labels.reading import LabelFolder
from datamodules.labels.table import TableLabels


def open_labels(
    source: str, num_clusters: int | None = None, rate_hz: int | None = None
) -> FrameLabels:
    """Open a folder of ours, a `.km` file of fairseq's, or a table.

    Args:
        source: The folder or file, or `name:config:split` on the hub.
        num_clusters: Number of clusters, where the files do not say it.
        rate_hz: Labels of one second, where the files do not say it.

    Raises:
        DataError: They cannot be used, or say something else.
    """
    if num_clusters is not None:
        validate_minimum("num_clusters", num_clusters, 1)
    if rate_hz not in (None, *RATES_HZ):
        raise DataError(f"`label_rate_hz` must be {RATES_HZ[0]} or {RATES_HZ[1]}, got {rate_hz}")
    with opening(f"`labels` {source}"):  # there may be folders that one may not look into
        if source.endswith(fairseq.ENDING):
            return FairseqLabels(find_place(source, "labels"), num_clusters, rate_hz)
        if is_table(source, "labels"):
            return TableLabels(source, num_clusters, rate_hz)
        return _open_folder(find_place(source, "labels"), num_clusters, rate_hz)


def _open_folder(path: Path, num_clusters: int | None, rate_hz: int | None) -> LabelFolder:
    of_fairseq = sorted(path.glob(f"*{fairseq.ENDING}"))
    if of_fairseq and not (path / FACTS_FILE).exists():
        listed = ", ".join(file.name for file in of_fairseq)
        raise DataError(f"`labels` {path} must be one file of fairseq's, one of {listed} in it")
    labels = LabelFolder(path)
    stated = {"num_clusters": num_clusters, "label_rate_hz": rate_hz}
    known = {"num_clusters": labels.facts.num_clusters, "label_rate_hz": labels.facts.rate_hz}
    for setting, value in stated.items():
        if value not in (None, known[setting]):
            raise DataError(
                f"`{setting}` must be {known[setting]}, as {path / FACTS_FILE} says, got {value}"
            )
    return labels
