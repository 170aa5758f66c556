"""Folders of labels that are written out by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodules.labels.format import LabelFacts
from datamodules.labels.writing import LabelWriter, join


def facts(rate_hz: int = 50, num_clusters: int = 5, centroids: str = "abc") -> LabelFacts:
    """Say what labels are of."""
    return LabelFacts(num_clusters, rate_hz, centroids, "mfcc")


def write(folder: Path, labels: Mapping[str, list[int]], rank: int = 0, **stated: Any) -> None:
    """Write the part of one process."""
    writer = LabelWriter(folder, facts(**stated), rank)
    for name, ids in labels.items():
        writer.add(name, ids)
    writer.close()


def make_folder(folder: Path, labels: Mapping[str, list[int]], **stated: Any) -> Path:
    """Write a whole folder."""
    write(folder, labels, **stated)
    join(folder, facts(**stated), list(labels))
    return folder
