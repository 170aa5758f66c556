"""What is told of labels once all are there."""

import numpy as np

from lightning_modules.counted import counted
from lightning_modules.units.frame_features import LayerStates, Mfcc
from lightning_modules.units.kmeans import Quantizer
from lightning_modules.units.label_data import Labels
from lightning_modules.units.quality import Alignment, measure


def describe_labels(
    labels: Labels,
    features: Mfcc | LayerStates,
    quantizer: Quantizer,
    num_recordings: int,
    alignment: Alignment | None,
) -> str:
    """Return one line about the labels of all recordings.

    Args:
        labels: Of the recordings that have some.
        features: What they were made of.
        quantizer: What made them.
        num_recordings: How many there were to label.
        alignment: Phones to compare them with; None compares nothing.
    """
    counts = np.zeros(quantizer.num_clusters, dtype=np.int64)
    for name in labels.names:
        counts += np.bincount(labels.ids(name), minlength=quantizer.num_clusters)
    facts = [
        counted(len(labels.names), "recording"),
        f"{counted(counts.sum(), 'label')} at {features.rate_hz} Hz",
        f"{np.count_nonzero(counts)} of {counted(quantizer.num_clusters, 'cluster')} used",
        f"k-means {quantizer.hash}",
    ]
    if left_out := num_recordings - len(labels.names):
        facts.append(f"{counted(left_out, 'damaged recording')} left out")
    if alignment is not None:
        found = measure(
            alignment,
            lambda name: labels.ids(name) if name in labels else None,
            features.rate_hz,
            quantizer.num_clusters,
        )
        facts.append(str(found))
    return ", ".join(facts)
