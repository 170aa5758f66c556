"""Weights of attention, which no fused kernel holds: whoever asks for them is refused."""

from typing import Any

import torch
from transformers.utils.output_capturing import _active_collector

from lightning_modules.attention.local_configs import configs_in
from lightning_modules.errors import ModelError


def refuse_configured_weights(model: Any) -> None:
    """Refuse a model that would return the weights of attention from every call.

    Raises:
        ModelError: A configuration in it asks for them.
    """
    if any(getattr(config, "output_attentions", False) for config in configs_in(model)):
        raise ModelError(
            "`output_attentions` must be false in the configuration of "
            f"{type(model).__name__}, got true: only full attention with `eager` holds its weights"
        )


def refuse_asked_weights(module: Any, is_asked: Any, kernel: str) -> None:
    """Refuse a call whose caller wants the weights of attention back.

    Not every attention module hands its kernel what the caller said, so transformers is asked too,
    which collects what modules return.

    Args:
        module: The attention module that calls the kernel.
        is_asked: `output_attentions`, as the module hands it on.
        kernel: Says in the error what never holds them.

    Raises:
        ModelError: They are asked for.
    """
    if is_asked or "attentions" in (_collected() or ()):
        raise ModelError(
            f"`output_attentions` must be false: {kernel} never holds its weights; "
            f"{type(module).__name__} has them with full attention and `eager`"
        )


def _collected() -> Any:
    """Return what transformers collects in this call, by name; None outside of one.

    A compiler of models cannot follow a context variable; for it transformers has a plain one.
    """
    if torch.compiler.is_compiling():
        return _active_collector.global_var
    return _active_collector.get()
