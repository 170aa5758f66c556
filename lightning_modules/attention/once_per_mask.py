"""What all layers need of one padding mask is computed by the first of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from lightning_modules.cuda_graphs import is_recorded

Found = TypeVar("Found")


def once_per_mask(compute: Callable[..., Found]) -> Callable[..., Found]:
    """Remember what a function finds in a mask, until the mask changes or nobody holds it.

    The layers of a model are given one and the same mask. What was found must not hold the mask
    itself, or neither would ever be gone; it can be used in training, wherever it was computed.
    Nothing is remembered of a mask whose changes nobody counts, one of inference mode, nor by a
    compiler of models, nor for a CUDA graph: its replay must find what the mask holds then.

    Args:
        compute: Takes a mask and further arguments, which can be hashed.
    """
    known: Any = WeakIdKeyDictionary()

    def find(mask: Tensor, *arguments: Any) -> Found:
        if torch.compiler.is_compiling() or mask.is_inference() or is_recorded():
            return compute(mask, *arguments)
        version, found = known.get(mask, (None, {}))
        if version != mask._version:
            found = {}
            known[mask] = (mask._version, found)
        if arguments not in found:
            with torch.inference_mode(False):
                found[arguments] = compute(mask, *arguments)
        result: Found = found[arguments]
        return result

    return find


def with_counted_changes(mask: Tensor) -> Tensor:
    """Return a mask of which something can be remembered: a copy of one of inference mode."""
    if not mask.is_inference():
        return mask
    with torch.inference_mode(False):
        return mask.clone()
