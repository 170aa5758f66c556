"""Local attention for any transformers encoder: registered names, and `localize` in place.

Importing this module registers every implementation with `AttentionInterface` and with
`AttentionMaskInterface`: with the first alone transformers would drop padding masks silently.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.masking_utils import bidirectional_mask_function

from lightning_modules.attention import IMPLEMENTATIONS, check_implementation, local_attention
from lightning_modules.attention.adapters import guard_adapters, note_before_uploads
from lightning_modules.attention.asked_weights import (
    refuse_asked_weights,
    refuse_configured_weights,
)
from lightning_modules.attention.blocked import attend_to_all
from lightning_modules.attention.encoders import refuse_halves, refuse_unordered
from lightning_modules.attention.kernel_calls import arguments_of_kernel, asks_for_kernel
from lightning_modules.attention.local_configs import (
    configs_in,
    follow_configurations,
    window_of,
    write_local,
)
from lightning_modules.attention.mask_patterns import half_window_of
from lightning_modules.attention.needless_masks import leave_out_needless_masks
from lightning_modules.attention.once_per_mask import with_counted_changes
from lightning_modules.attention.own_windows import Windows, choose_windows
from lightning_modules.errors import ModelError

# What some models hand to their kernel beside queries, keys and values, and no window honours.
UNSUPPORTED = ("position_bias", "s_aux", "softcap", "relative_position_bias")


def localize(
    model: Any, attention_window: Windows | None, implementation: str = "local_blocked"
) -> Any:
    """Give the self-attentions of an encoder local windows, in place, and return the model.

    The configuration says so, and a model that is built or loaded from it is local again wherever
    this module is imported.

    Args:
        model: Any encoder whose attention goes through transformers' attention interface. One
            that also wants a mask of its own (a shifted window, say) is refused when it runs.
        attention_window: Total width in tokens; one for all layers, or one per layer. None takes
            the windows of a model that has some, such as ModernBERT: its sliding layers compute
            what they always did, and the others full attention through torch's fused kernel. In a
            list for such a model, None is a layer that sees all tokens.
        implementation: One of `IMPLEMENTATIONS`.

    Raises:
        ModelError: The model does not use the interface, is not an encoder or adds a bias to its
            scores, its configuration asks for weights of attention, the windows do not fit its
            layers, or the implementation is unknown or cannot be chosen for its class. It is left
            as it was.
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
    refuse_configured_weights(model)
    for module in modules:
        _refuse_extras(model, module)
    windows = choose_windows(model, modules, attention_window)
    written = windows if attention_window is None else attention_window
    choose_kernel(model, implementation)
    write_local(model.config, written, implementation)
    for place, (module, window) in enumerate(zip(modules, windows, strict=True)):
        module.attention_place, module.attention_window = place, window
    return model


def choose_kernel(model: Any, implementation: str) -> None:
    """Let every attention module of a model call this kernel, or leave the model as it was.

    transformers leaves a kernel as it is with no more than a warning where it reads in the file of
    a class that it cannot be chosen, and where it cannot read the file, as in a notebook.

    Raises:
        ModelError: The model, or a part of it, is of such a class.
    """
    configs = [each for each in configs_in(model) if isinstance(each, PreTrainedConfig)]
    before = [dict(vars(config)) for config in configs]
    model.set_attn_implementation(implementation)
    if find_implementations(model) == {implementation}:
        return
    for config, fields in zip(configs, before, strict=True):
        vars(config).update(fields)
    raise ModelError(
        f"`implementation` {implementation!r} cannot be chosen for {type(model).__name__}: "
        "transformers cannot read the file of a class in it, or finds another attention there; "
        "give the class a file of its own, or choose it for the model of the library inside"
    )


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
    if not hasattr(module, "attention_window"):
        raise ModelError(
            f"`{implementation}` needs `localize(model, attention_window)` first, "
            f"got a {type(module).__name__} without a window"
        )
    refuse_asked_weights(module, more.get("output_attentions"), "local attention")
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
    query, key, value = (_as_autocast_has_it(x) for x in (query, key, value))
    key, value = (_for_every_query_head(heads, query.shape[1]) for heads in (key, value))
    if window is None:
        output = attend_to_all(query, key, value, attention_mask, dropout)
    else:
        output = local_attention(
            query, key, value, window, attention_mask, dropout, implementation=implementation
        )
    return output.transpose(1, 2).contiguous(), None


def _as_autocast_has_it(tensor: Tensor) -> Tensor:
    """Round what torch's own attention would round under autocast: all but float64.

    Positions that are angles in float32 leave queries and keys in float32, beside values in half
    precision; our kernels are no functions that autocast knows. Where there are no values, on the
    device "meta", torch has no autocast to ask for.
    """
    device = tensor.device.type
    keeps_its_type = tensor.is_meta or tensor.dtype == torch.float64
    if keeps_its_type or not torch.is_autocast_enabled(device):
        return tensor
    return tensor.to(torch.get_autocast_dtype(device))


def _for_every_query_head(heads: Tensor, num_query_heads: int) -> Tensor:
    """Repeat heads of keys or values that several heads of queries share, one after the other."""
    num_groups = num_query_heads // heads.shape[1]
    return heads if num_groups == 1 else heads.repeat_interleave(num_groups, 1)


def padding_mask(
    *, attention_mask: Tensor | None = None, mask_function: Any = None, **_: Any
) -> Tensor | None:
    """Hand the (batch, tokens) bool padding mask on to full attention."""
    if mask_function is not bidirectional_mask_function:
        raise ModelError(
            "full attention takes a mask of padding only, got a model that asks for another mask"
        )
    return attention_mask


def _padding_mask_of_band(
    *, attention_mask: Tensor | None = None, mask_function: Any = None, **more: Any
) -> Tensor | None:
    """Hand the (batch, tokens) bool padding mask on; the band is the kernel's own business."""
    # Only masks that look both ways come with this choice, and only those that a model has added
    # something to need `use_vmap`. Others are read, which torch.compile cannot follow.
    is_plain = "allow_is_bidirectional_skip" in more and more.get("use_vmap") is False
    if not is_plain:
        half_window_of(mask_function)  # which refuses what is no band
    return None if attention_mask is None else with_counted_changes(attention_mask)


for _name in IMPLEMENTATIONS:
    AttentionInterface.register(_name, partial(_forward, implementation=_name))
    AttentionMaskInterface.register(_name, _padding_mask_of_band)
leave_out_needless_masks()
follow_configurations(PreTrainedModel, PreTrainedConfig, localize)
guard_adapters(PreTrainedModel)
note_before_uploads(PreTrainedModel)
