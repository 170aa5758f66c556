"""Encoders that learn nothing from the weights that transformers draws: built, or loaded."""

from typing import Any, TypeVar

from torch import nn

from lightning_modules.checkpoints.pretrained import load_pretrained
from lightning_modules.lhubert.conversion import MASK_VECTORS
from lightning_modules.models.components import MIXERS

Drawn = TypeVar("Drawn", bound=nn.Module)


def draw_weights(model: Drawn) -> Drawn:
    """Draw its products and convolutions anew, in place, as torch does.

    transformers draws all with a deviation of 0.02. Through narrow convolutions in a row that lets
    so little of a waveform that nothing is learned.
    """
    for module in model.modules():
        if isinstance(module, MIXERS):
            module.reset_parameters()
    return model


def load_or_draw(
    model_class: Any, sizes: dict[str, Any], checkpoint: str | None, fields: dict[str, Any]
) -> Any:
    """Load an encoder, or build it with random weights.

    Args:
        model_class: A model of transformers.
        sizes: Fields of its configuration that make its size, where it is built.
        checkpoint: Folder or hub name; None builds it.
        fields: Further fields of its configuration.
    """
    if checkpoint is not None:
        return load_pretrained(model_class, checkpoint, fields, optional=MASK_VECTORS)
    return draw_weights(model_class(model_class.config_class(**sizes, **fields)))
