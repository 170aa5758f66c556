"""Random weights of models that learn nothing from those that transformers draws."""

from typing import TypeVar

from torch import nn

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
