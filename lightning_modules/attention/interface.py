"""Local attention for any transformers encoder: registered names, and `localize` in place.

Importing this module registers every implementation with `AttentionInterface` and with
`AttentionMaskInterface`: with the first alone transformers would drop padding masks silently.
"""

import inspect
from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import bidirectional_mask_function

from lightning_modules.attention import IMPLEMENTATIONS, local_attention
from lightning_modules.errors import ModelError
from lightning_modules.window import validate_attention_window


def localize(
    model: Any, attention_window: int | list[int], implementation: str = "local_blocked"
) -> Any:
    """Give every self-attention of an encoder a local window, in place, and return the model.

    Args:
        model: Any encoder whose attention goes through transformers' attention interface.
        attention_window: Total width in tokens; one for all layers, or one per layer.
        implementation: One of `IMPLEMENTATIONS`.

    Raises:
        ModelError: The model does not use the interface or is not an encoder, the windows do not
            fit its layers, or the implementation is unknown.
    """
    if implementation not in IMPLEMENTATIONS:
        raise ModelError(
            f"unknown `implementation` {implementation!r} of local attention; "
            f"choose one of: {', '.join(sorted(IMPLEMENTATIONS))}"
        )
    modules = attention_modules(model)
    if not modules or any(getattr(module, "is_causal", False) for module in modules):
        raise ModelError(
            "`localize` needs an encoder whose attention goes through transformers' attention "
            f"interface, got {type(model).__name__}"
        )
    windows = (
        list(attention_window)
        if isinstance(attention_window, list)
        else [attention_window] * len(modules)
    )
    if len(windows) != len(modules):
        raise ModelError(
            f"`attention_window` must be one number or {len(modules)} of them, one per layer, "
            f"got {len(windows)}"
        )
    for module, window in zip(modules, windows, strict=True):
        validate_attention_window(window)
        module.attention_window = window
    model.set_attn_implementation(implementation)
    if find_implementations(model) != {implementation}:
        raise ModelError(f"{type(model).__name__} refused the `implementation` {implementation!r}")
    return model


def attention_modules(model: nn.Module) -> list[Any]:
    """Find the modules, in layer order, whose forward asks transformers' interface for a kernel."""
    return [module for module in model.modules() if _uses_interface(type(module))]


def find_implementations(model: nn.Module) -> set[str]:
    """Name the implementations that the model's attention modules would call."""
    return {str(module.config._attn_implementation) for module in attention_modules(model)}


def find_windows(model: nn.Module) -> list[int | None]:
    """List the window of each attention module; None where it has none."""
    return [getattr(module, "attention_window", None) for module in attention_modules(model)]


def _uses_interface(module_class: type[nn.Module]) -> bool:
    code = getattr(inspect.unwrap(module_class.forward), "__code__", None)
    return code is not None and "ALL_ATTENTION_FUNCTIONS" in code.co_names


def _forward(  # noqa: PLR0913 - the signature that transformers calls
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    implementation: str,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Answer transformers' attention call with `local_attention`."""
    window = getattr(module, "attention_window", None)
    if window is None:
        raise ModelError(
            f"`{implementation}` needs `localize(model, attention_window)` first, "
            f"got a {type(module).__name__} without a window"
        )
    default_scaling = query.shape[-1] ** -0.5
    if scaling is not None and scaling != default_scaling:
        query = query * (scaling / default_scaling)
    output = local_attention(
        query, key, value, window, attention_mask, dropout, implementation=implementation
    )
    return output.transpose(1, 2).contiguous(), None


def _padding_mask(
    *, attention_mask: Tensor | None = None, mask_function: Any = None, **_: Any
) -> Tensor | None:
    """Hand the (batch, tokens) bool padding mask on; the band is the kernel's own business."""
    if mask_function is not bidirectional_mask_function:
        raise ModelError("local attention is bidirectional, got a model that asks for another mask")
    return attention_mask


for _name in IMPLEMENTATIONS:
    AttentionInterface.register(_name, partial(_forward, implementation=_name))
    AttentionMaskInterface.register(_name, _padding_mask)
