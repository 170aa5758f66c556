"""The clusters that a head predicts: how many, and of which k-means."""

from typing import Any

from lightning_modules.checkpoints.outputs import read_num_clusters
from lightning_modules.errors import ModelError

USUAL_CLUSTERS = 100  # of the MFCC labels of the first iteration
TABLE = "label_embeddings"  # the weight with a row for each cluster


def choose_num_clusters(given: int | None, checkpoint: str | None) -> int:
    """Return the number that is given, else that of a checkpoint, else the usual one.

    Raises:
        ModelError: There is no such checkpoint, or its configuration is damaged.
    """
    return read_num_clusters(checkpoint) or USUAL_CLUSTERS if given is None else given


def saved_kmeans(model: Any) -> str | None:
    """Return which k-means a model just built predicts; None where its clusters are random.

    Args:
        model: What `build_speech_model` built for pre-training.
    """
    is_random = TABLE in getattr(model, "random_weights", ())
    found: str | None = None if is_random else getattr(model.config, "centroids", None)
    return found


def take_kmeans(model: Any, saved: str | None, of_data: str | None) -> None:
    """Let the configuration of a model, which is exported with its head, say which k-means it is.

    Args:
        model: With the head.
        saved: Which its weights were trained on; None is not known, or none yet.
        of_data: That of the labels; None is not known.

    Raises:
        ModelError: The two are known and differ.
    """
    if saved is not None and of_data is not None and saved != of_data:
        raise ModelError(
            f"`labels` must be of the k-means {saved} that the checkpoint was trained on, got "
            f"{of_data}"
        )
    model.config.centroids = saved
