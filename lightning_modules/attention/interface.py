"""Local attention for any transformers encoder: registered names, and `localize` in place.

Importing this module registers every implementation with `AttentionInterface` and with
`AttentionMaskInterface`: with the first alone transformers would drop padding masks silently.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.masking_utils import bidirectional_mask_function

from lightning_modules.attention import IMPLEMENTATIONS, check_implementation, local_attention
from lightning_modules.attention.adapters import guard_adapters
from lightning_modules.attention.encoders import refuse_halves, refuse_unordered
from lightning_modules.attention.kernel_calls import arguments_of_kernel, asks_for_kernel
from lightning_modules.attention.local_configs import (
    follow_configurations,
    window_of,
    write_local,
)
from lightning_modules.attention.once_per_mask import with_counted_changes
from lightning_modules.errors import ModelError
from lightning_modules.window import windows_of_layers

# What some models hand to their kernel beside queries, keys and values, and no window honours.
UNSUPPORTED = ("position_bias", "s_aux", "softcap", "relative_position_bias")


def localize(
    model: Any, attention_window: int | Sequence[int], implementation: str = "local_blocked"
) -> Any:
    """Give every self-attention of an encoder a local window, in place, and return the model.

    The configuration says so, and a model that is built or loaded from it is local again wherever
    this module is imported.

    Args:
        model: Any encoder whose attention goes through transformers' attention interface. One
            that also wants a mask of its own (a shifted window, say) is refused when it runs.
        attention_window: Total width in tokens; one for all layers, or one per layer.
        implementation: One of `IMPLEMENTATIONS`.

    Raises:
        ModelError: The model does not use the interface, is not an encoder or adds a bias to its
            scores, the windows do not fit its layers, or the implementation is unknown.
    """
    check_implementation(implementation)
    modules = attention_modules(model)
    if not modules or any(getattr(module, "is_causal", False) for module in modules):
        raise ModelError(
            "`localize` needs an encoder whose attention goes through transformers' attention "
            f"interface, got {type(model).__name__}"
        )
    refuse_unordered(model)
    refuse_halves(model)
    for module in modules:
        _refuse_extras(model, module)
    windows = windows_of_layers(attention_window, len(modules))
    write_local(model.config, attention_window, implementation)
    for place, (module, window) in enumerate(zip(modules, windows, strict=True)):
        module.attention_place, module.attention_window = place, window
    model.set_attn_implementation(implementation)
    if find_implementations(model) != {implementation}:
        raise ModelError(f"{type(model).__name__} refused the `implementation` {implementation!r}")
    return model


def attention_modules(model: nn.Module) -> list[Any]:
    """Find the modules, in layer order, whose forward asks transformers' interface for a kernel."""
    return [module for module in model.modules() if asks_for_kernel(type(module).forward)]


def find_implementations(model: nn.Module) -> set[str]:
    """Name the implementations that the model's attention modules would call."""
    return {str(module.config._attn_implementation) for module in attention_modules(model)}


def find_windows(model: nn.Module) -> list[int | None]:
    """List the window of each attention module; None where it has none."""
    return [getattr(module, "attention_window", None) for module in attention_modules(model)]


def _refuse_extras(model: nn.Module, module: Any) -> None:
    """Refuse a module that hands its kernel more than queries, keys and values."""
    given = arguments_of_kernel(type(module).forward)
    extras = [name for name in UNSUPPORTED if name in given]
    if extras:
        raise ModelError(
            f"`localize` needs an encoder that adds nothing to its scores, got "
            f"{type(model).__name__}, whose attention adds {extras[0]}"
        )
    if getattr(module, "num_key_value_groups", 1) > 1:
        raise ModelError(
            f"`localize` needs as many heads of keys as of queries, got {type(model).__name__}"
        )


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
    **more: Any,
) -> tuple[Tensor, None]:
    """Answer transformers' attention call with `local_attention`."""
    window = window_of(module)
    if window is None:
        raise ModelError(
            f"`{implementation}` needs `localize(model, attention_window)` first, "
            f"got a {type(module).__name__} without a window"
        )
    if more.get("output_attentions"):
        raise ModelError(
            "`output_attentions` must be false: local attention never holds its weights; "
            f"{type(module).__name__} has them with full attention and `eager`"
        )
    for name in UNSUPPORTED:
        if more.get(name) is not None:
            raise ModelError(f"local attention cannot add the {name} of {type(module).__name__}")
    if attention_mask is not None and attention_mask.dim() != 2:
        raise ModelError(
            f"local attention takes a mask of padding, (batch, tokens), got one of shape "
            f"{tuple(attention_mask.shape)} from {type(module).__name__}"
        )
    default_scaling = query.shape[-1] ** -0.5
    if scaling is not None and scaling != default_scaling:
        query = query * (scaling / default_scaling)
    output = local_attention(
        query, key, value, window, attention_mask, dropout, implementation=implementation
    )
    return output.transpose(1, 2).contiguous(), None


def padding_mask(
    *, attention_mask: Tensor | None = None, mask_function: Any = None, **_: Any
) -> Tensor | None:
    """Hand the (batch, tokens) bool padding mask on; the band is the kernel's own business."""
    if mask_function is not bidirectional_mask_function:
        raise ModelError("local attention is bidirectional, got a model that asks for another mask")
    return None if attention_mask is None else with_counted_changes(attention_mask)


for _name in IMPLEMENTATIONS:
    AttentionInterface.register(_name, partial(_forward, implementation=_name))
    AttentionMaskInterface.register(_name, padding_mask)
follow_configurations(PreTrainedModel, PreTrainedConfig, localize)
guard_adapters(PreTrainedModel)
