"""A k-means of an earlier run, or of others, that must go with the settings."""

from pathlib import Path

from lightning_modules.errors import ModelError
from lightning_modules.units.centroid_files import read_fit
from lightning_modules.units.frame_features import LayerStates, Mfcc
from lightning_modules.units.kmeans import Quantizer


def load_quantizer(path: Path, features: Mfcc | LayerStates, num_clusters: int) -> Quantizer:
    """Load a k-means.

    Args:
        path: A file that a run wrote, or centroids of others, (clusters, features).
        features: What it must be of; centroids of others are taken to be of these.
        num_clusters: How many it must have.

    Raises:
        ModelError: It is of other features, has another number of clusters, or cannot be read.
    """
    quantizer = Quantizer.load(path)
    if quantizer.fingerprint is None:
        _check_foreign(quantizer, features, path)
    elif quantizer.fingerprint != features.fingerprint:
        raise ModelError(
            f"`kmeans` must be of the same features, {features.description}, with the "
            f"same weights, window and length of parts; {path} is of others"
        )
    if quantizer.num_clusters != num_clusters:
        raise ModelError(
            f"`num_clusters` must be {quantizer.num_clusters} for the k-means {path}, got "
            f"{num_clusters}"
        )
    return quantizer


def _check_foreign(quantizer: Quantizer, features: Mfcc | LayerStates, path: Path) -> None:
    """Refuse centroids of others that cannot be of these features."""
    if quantizer.size != features.size:
        raise ModelError(
            f"`kmeans` must have {features.size} features for each cluster, as "
            f"{features.description} has, got {quantizer.size} in {path}"
        )


def check_fit(path: Path, **settings: int) -> None:
    """Refuse the k-means of an earlier run in the same folder if this one would fit another.

    Args:
        path: The file that it wrote; what it does not say is taken to be the same.
        settings: Those of the fit.

    Raises:
        ModelError: One is another, or the file cannot be read.
    """
    for name, value in read_fit(path, settings).items():
        if settings[name] != value:
            raise ModelError(
                f"`{name}` must be {value}, with which the k-means {path} was fitted, got "
                f"{settings[name]}: give another `folder` to fit another k-means"
            )
