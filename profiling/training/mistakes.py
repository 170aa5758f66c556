"""A mistake on the command line of `train.py`, in one sentence."""

from lightning import LightningDataModule, LightningModule

from profiling.class_names import DATA, MODELS, short_name
from profiling.training.verbs import VERBS

CLASSES = {"model": MODELS, "data": DATA}


def explain(message: str) -> str:
    """Rewrite a message of the parser in one sentence, with the choices that there are."""
    from profiling.arguments import one_sentence  # needs jsonargparse, which may be missing

    sentence = one_sentence(
        message, known_settings(LightningModule) | known_settings(LightningDataModule), VERBS
    )
    for setting, choices in CLASSES.items():
        if sentence.startswith(f"`{setting}` must be the path of a class"):
            sentence += f"; choose one of: {', '.join(sorted(map(short_name, choices)))}"
    return sentence


def known_settings(base: type) -> set[str]:
    """Return what the classes derived from `base`, as far as they are imported, can be given."""
    from profiling.arguments import settings_of

    found: set[str] = set()
    derived: type
    for derived in base.__subclasses__():
        found |= settings_of(derived) | known_settings(derived)
    return found
