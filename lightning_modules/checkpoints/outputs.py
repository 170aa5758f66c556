"""What the outputs of a checkpoint stand for, as its configuration says it."""

import re

from lightning_modules.checkpoints.pretrained import read_config

# How transformers ends the name of a class that tells recordings or texts apart.
CLASSIFIER = "ForSequenceClassification"
# What transformers calls an output that nobody has named.
UNNAMED = re.compile(r"LABEL_\d+")


def read_class_names(checkpoint: str | None) -> list[str] | None:
    """Return the names of a classifier's outputs, in order; None where nobody has named them.

    Args:
        checkpoint: Folder or hub name; None has none.

    Raises:
        ModelError: There is no such checkpoint, or its configuration is damaged.
    """
    named = {} if checkpoint is None else read_config(checkpoint).id2label or {}
    names = [str(named[number]) for number in sorted(named, key=int)]
    return None if all(map(UNNAMED.fullmatch, names)) else names


def is_classifier(checkpoint: str | None) -> bool:
    """Return whether a checkpoint was saved with a head that tells whole inputs apart.

    Args:
        checkpoint: Folder or hub name; None was not.

    Raises:
        ModelError: There is no such checkpoint, or its configuration is damaged.
    """
    saved = [] if checkpoint is None else read_config(checkpoint).architectures or []
    return any(name.endswith(CLASSIFIER) for name in saved)


def read_num_clusters(checkpoint: str | None) -> int | None:
    """Return how many clusters a model was pre-trained on; None where it does not say so.

    Args:
        checkpoint: Folder or hub name; None has none.

    Raises:
        ModelError: There is no such checkpoint, or its configuration is damaged.
    """
    config = None if checkpoint is None else read_config(checkpoint)
    found: int | None = getattr(config, "num_clusters", None)
    return found
