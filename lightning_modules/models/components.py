"""The parts of a model, by what they do: the words in which a step's cost is broken down.

A module does what it is told to do here, and so does everything inside it that is not told
otherwise: an attention module computes the core, the projections inside it are projections.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from lightning_modules.attention.encoders import projects_queries_and_keys
from lightning_modules.attention.kernel_calls import asks_for_kernel

COMPONENTS = (
    "feature_encoder",
    "embedding",
    "attention_projection",
    "attention_core",
    "feed_forward",
    "norm_residual",
    "head",
    "optimiser",
    "other",
)
# The functions by which models of transformers make the masks of their attention.
MASK_FUNCTIONS = (
    "create_bidirectional_mask",
    "create_bidirectional_sliding_window_mask",
    "create_causal_mask",
)
CONVOLUTION = nn.modules.conv._ConvNd
MIXERS = (nn.Linear, CONVOLUTION)
# What transformers calls the modules by which tokens meet, FNet's too.
FOURIER = "FourierTransform"
MEETING = ("Attention", FOURIER)


@dataclass(frozen=True)
class Part:
    """A module, or a function of an object, and what it does.

    Args:
        component: One of `COMPONENTS`.
        owner: The module; or the object (a module of Python, too) that has the function.
        function: Name of the function; empty for a module.
    """

    component: str
    owner: Any
    function: str = ""


def find_parts(model: nn.Module) -> list[Part]:
    """Tell what the modules of an encoder of transformers do, by how it is built.

    Args:
        model: With or without a head, or a module that holds such a model.
    """
    parts = [Part("other", model)]
    for backbone in _backbones(model):
        parts += _parts_of_backbone(backbone)
    inside = {id(module) for backbone in _backbones(model) for module in backbone.modules()}
    for module in _outermost(model, lambda module: not _holds(module, inside)):
        parts.append(Part("head", module))
    return _needed(parts, model)


def parameters_by_component(parts: list[Part], model: nn.Module) -> dict[int, str]:
    """Map the `id` of each parameter to the component that has it.

    One that several have (tied weights) belongs to the first of them.
    """
    told = {id(part.owner): part.component for part in parts if not part.function}
    found: dict[int, str] = {}

    def walk(module: nn.Module, component: str) -> None:
        component = told.get(id(module), component)
        for parameter in module.parameters(recurse=False):
            found.setdefault(id(parameter), component)
        for child in module.children():
            walk(child, component)

    walk(model, "other")
    return found


def _needed(parts: list[Part], model: nn.Module) -> list[Part]:
    """Leave out modules that do what the one around them does; of two words the last counts."""
    told = {id(part.owner): part for part in parts if not part.function}
    found = [part for part in parts if part.function]

    def walk(module: nn.Module, component: str) -> None:
        part = told.get(id(module))
        if part is not None and part.component != component:
            found.append(part)
            component = part.component
        for child in module.children():
            walk(child, component)

    walk(model, "")
    return found


def _backbones(model: nn.Module) -> list[nn.Module]:
    """Return the encoders: models of the library without their heads."""
    models: list[Any] = _outermost(model, lambda module: isinstance(module, PreTrainedModel))
    return [found.base_model for found in models] or [model]


def _parts_of_backbone(backbone: nn.Module) -> list[Part]:
    parents: dict[int, nn.Module] = {
        id(child): module for module in backbone.modules() for child in module.children()
    }
    attentions = [module for module in backbone.modules() if _attends(module)]
    parts = [Part("other", backbone), *_mask_functions(backbone)]
    layers: list[tuple[nn.Module, nn.Module]] = []
    for attention in attentions:
        block = attention
        while any(name in type(parents.get(id(block))).__name__ for name in MEETING):
            block = parents[id(block)]
        parts += _parts_of_block(block, attention)
        layers.append((parents.get(id(block), backbone), block))
    known = {id(layer) for layer, _ in layers}
    for layer, block in layers:
        parts += _parts_of_layer(layer, block)
    for module in _outermost(backbone, lambda m: id(m) in known or not _holds(m, known)):
        if id(module) not in known:
            parts.append(Part(_before_or_after(module), module))
    return parts


def _parts_of_block(block: nn.Module, attention: nn.Module) -> Iterator[Part]:
    """What is around and inside one attention: its projections, and often a norm."""
    yield Part("norm_residual" if block is not attention else "attention_core", block)
    yield Part("attention_core", attention)
    for module in block.modules():
        if isinstance(module, nn.Linear):
            yield Part("attention_projection", module)
        elif _is_norm(module):
            yield Part("norm_residual", module)


def _parts_of_layer(layer: nn.Module, block: nn.Module) -> Iterator[Part]:
    """What a layer does beside attending."""
    yield Part("norm_residual", layer)
    inside = {id(module) for module in block.modules()}
    for module in layer.modules():
        if module is layer or id(module) in inside or _holds(module, inside):
            continue
        if _is_norm(module) or any(_is_norm(child) for child in module.children()):
            yield Part("norm_residual", module)
        elif not isinstance(module, nn.Dropout) and not isinstance(module, nn.Identity):
            yield Part("feed_forward", module)


def _before_or_after(module: nn.Module) -> str:
    """Tell what a part of the backbone does that is in none of its layers."""
    if _is_norm(module):
        return "norm_residual"
    convolutions = [child for child in module.modules() if isinstance(child, CONVOLUTION)]
    return "feature_encoder" if len(convolutions) > 1 else "embedding"


def _mask_functions(backbone: nn.Module) -> Iterator[Part]:
    homes = {type(module).__module__ for module in backbone.modules()}
    homes |= {base.__module__ for base in type(backbone).__mro__}
    for home in sorted(homes):
        for name in MASK_FUNCTIONS:
            if hasattr(sys.modules.get(home), name):
                yield Part("attention_core", sys.modules[home], name)


def _attends(module: nn.Module) -> bool:
    asks = asks_for_kernel(type(module).forward)
    return asks or projects_queries_and_keys(module) or _is_transform(module)


def _is_transform(module: nn.Module) -> bool:
    """Tell whether a module mixes tokens by a Fourier transform; the one around it adds and norms.

    Its core takes the place of an attention's, and it has no projections.
    """
    is_fourier = any(FOURIER in base.__name__ for base in type(module).__mro__)
    return is_fourier and not any(module.children())


def _is_norm(module: nn.Module) -> bool:
    return "Norm" in type(module).__name__ and not any(
        isinstance(child, MIXERS) for child in module.modules()
    )


def _holds(module: nn.Module, wanted: set[int]) -> bool:
    return any(id(inner) in wanted for inner in module.modules())


def _outermost(model: nn.Module, fits: Callable[[nn.Module], bool]) -> list[nn.Module]:
    """Return the modules that fit and are inside none that does, in order."""
    if fits(model):
        return [model]
    return [found for child in model.children() for found in _outermost(child, fits)]
