"""What is no encoder of one ordered sequence, and so can have no window."""

from typing import Any

from torch import nn

from lightning_modules.attention.kernel_calls import asks_for_kernel
from lightning_modules.errors import ModelError

# How configurations of transformers count learned queries, whose order means nothing.
QUERIES = ("num_queries", "num_object_queries", "num_query_tokens", "num_detection_tokens")


def refuse_unordered(model: Any) -> None:
    """Refuse a model that attends among queries without an order, such as a detector's.

    Raises:
        ModelError: It has such queries, or a decoder that attends.
    """
    counted = [name for name in QUERIES if getattr(model.config, name, None)]
    if counted:
        raise ModelError(
            f"`localize` needs tokens that have an order, got {type(model).__name__}, "
            f"whose `{counted[0]}` have none"
        )
    # Also of a decoder that looks both ways, as in MAE, the tokens are others than the encoder's.
    for name, module in model.named_modules():
        if "decoder" in name and asks_for_kernel(type(module).forward):
            raise ModelError(
                f"`localize` needs an encoder, got {type(model).__name__}, which attends in {name}"
            )


def refuse_halves(model: nn.Module) -> None:
    """Refuse a model of which a part would stay without a window.

    Raises:
        ModelError: A module projects queries and keys, but never asks transformers for a kernel.
    """
    for name, module in model.named_modules():
        if projects_queries_and_keys(module) and not asks_for_kernel(type(module).forward):
            raise ModelError(
                f"`localize` needs every attention of an encoder to go through transformers' "
                f"attention interface, got {type(model).__name__}, whose {name} does not"
            )


def projects_queries_and_keys(module: nn.Module) -> bool:
    """Tell whether a module attends by itself; a head that pools has keys, but no queries."""
    linear = [name for name, child in module.named_children() if isinstance(child, nn.Linear)]
    initials = {name[0] for name in linear}
    is_fused = any(name.startswith("qkv") for name in linear)
    is_attention = any("Attention" in base.__name__ for base in type(module).__mro__)
    return is_attention and (is_fused or {"q", "k"} <= initials)
