"""What is told of labels once all are there."""

from collections.abc import Sequence

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
    names: Sequence[str],
    alignment: Alignment | None,
) -> str:
    """Return one line about the labels of all recordings.

    Args:
        labels: Of the recordings that have some.
        features: What they were made of.
        quantizer: What made them.
        names: Of all recordings that were to be labelled.
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
    lacking = {name for name in names if name not in labels}
    if damaged := len(lacking & set(labels.damaged)):
        facts.append(f"{counted(damaged, 'damaged recording')} left out")
    if unlabelled := len(lacking) - damaged:
        facts.append(f"{counted(unlabelled, 'recording')} without labels")
    if alignment is not None:
        found = measure(
            alignment,
            lambda name: labels.ids(name) if name in labels else None,
            features.rate_hz,
            quantizer.num_clusters,
        )
        facts.append(str(found))
    return ", ".join(facts)
