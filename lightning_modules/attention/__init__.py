"""Local attention: every query sees `attention_window // 2` tokens on each side, and itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lightning_modules.attention.blocked import blocked_attention
from lightning_modules.attention.compiled import compiled_attention
from lightning_modules.attention.flex import flex_local_attention
from lightning_modules.attention.masked import masked_attention
from lightning_modules.attention.varlen import varlen_local_attention, why_not_varlen
from lightning_modules.errors import ModelError
from lightning_modules.kernel_limits import LIMITED, KernelUse, limit_of, limit_of_heads
from lightning_modules.window import validate_attention_window

__all__ = ["IMPLEMENTATIONS", "check_implementation", "in_place_of", "local_attention"]


Compute = Callable[[Tensor, Tensor, Tensor, int, Tensor | None, float], Tensor]
IMPLEMENTATIONS: dict[str, Compute] = {
    "local_blocked": blocked_attention,
    "local_compiled": compiled_attention,
    "local_flex": flex_local_attention,
    "local_masked": masked_attention,
    "local_varlen": varlen_local_attention,
}
# Kernels in whose place something else computes, which runs anywhere.
_REPLACED: set[str] = set()
# Kernels with the uses that nothing was against in this process.
_CAN_RUN: set[tuple[Any, ...]] = set()


@contextmanager
def in_place_of(implementation: str, compute: Compute) -> Iterator[None]:
    """Let something else answer for a kernel: for those that count what it would compute.

    Args:
        implementation: One of `IMPLEMENTATIONS`; inside the context it is refused nowhere.
        compute: Takes what the kernel takes.
    """
    kernel = IMPLEMENTATIONS[implementation]
    IMPLEMENTATIONS[implementation] = compute
    _REPLACED.add(implementation)
    try:
        yield
    finally:
        IMPLEMENTATIONS[implementation] = kernel
        _REPLACED.discard(implementation)


def local_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_window: int,
    key_padding_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    implementation: str = "local_blocked",
) -> Tensor:
    """Attend to the `attention_window // 2` tokens on each side of every query, and itself.

    Args:
        query: (batch, heads, tokens, head_dim).
        key: Same shape, dtype and device as `query`.
        value: Same shape, dtype and device as `query`.
        attention_window: Total width in tokens; positive and even.
        key_padding_mask: (batch, tokens) bool, True = real token; None = all are real.
        dropout_p: Probability of dropping an attention weight, applied whenever it is positive.
        implementation: One of `IMPLEMENTATIONS`; refused where it cannot run, never replaced.

    Returns:
        (batch, heads, tokens, head_dim). Rows of padded queries are zero; all gradients are finite.

    Raises:
        ModelError: An argument is outside what is described here, or the implementation cannot
            run on these tensors.

    Source: Longformer, Beltagy et al. 2020, section 3.1.
    """
    check_implementation(implementation)
    validate_attention_window(attention_window)
    _validate_tensors(query, key, value)
    if not 0.0 <= dropout_p < 1.0:
        raise ModelError(f"`dropout_p` must be at least 0 and below 1, got {dropout_p}")
    if key_padding_mask is not None:
        _validate_padding_mask(key_padding_mask, query)
    reason = _why_not(implementation, (query, key, value), dropout_p)
    if reason is not None:
        raise ModelError(f"`implementation` {implementation!r} cannot run here: {reason}")
    compute = IMPLEMENTATIONS[implementation]
    return compute(query, key, value, attention_window // 2, key_padding_mask, dropout_p)


def check_implementation(implementation: str) -> None:
    """Raise ModelError unless local attention has an implementation of this name."""
    if implementation not in IMPLEMENTATIONS:
        raise ModelError(
            f"unknown `implementation` {implementation!r} of local attention; "
            f"choose one of: {', '.join(sorted(IMPLEMENTATIONS))}"
        )


def _why_not(implementation: str, tensors: tuple[Tensor, ...], dropout_p: float) -> str | None:
    if implementation not in LIMITED or implementation in _REPLACED:
        return None
    query = tensors[0]
    reason: str | None = _limit_here(
        implementation,
        query.device.type,
        query.dtype in (torch.bfloat16, torch.float16),
        torch.is_grad_enabled() and any(x.requires_grad for x in tensors),
        dropout_p > 0,
        query.dtype == torch.float64,
    )
    # Apart from the rest: where shapes are symbolic, a size is no constant.
    reason = reason or limit_of_heads(implementation, query.device.type, query.shape[-1])
    if reason is None and implementation == "local_varlen":
        return why_not_varlen(query.device)
    return reason


@torch.compiler.assume_constant_result  # which is no matter for a compiler of models
def _limit_here(implementation: str, *use: Any) -> str | None:
    """Ask for a `KernelUse`, given by its fields, until nothing is against it.

    Each call of a kernel asks, and to look for compilers takes longer than a short input. A
    compiler that is missing may be there when the next call asks.
    """
    if (implementation, *use) in _CAN_RUN:
        return None
    reason = limit_of(implementation, KernelUse(*use))
    if reason is None:
        _CAN_RUN.add((implementation, *use))
    return reason


def _validate_tensors(query: Tensor, key: Tensor, value: Tensor) -> None:
    if (  # all is well, which must cost nothing beside the attention of a short input
        query.dim() == 4
        and query.shape == key.shape == value.shape
        and query.dtype == key.dtype == value.dtype
        and query.device == key.device == value.device
        and query.numel()
    ):
        return
    if query.dim() != 4 or 0 in query.shape:
        raise ModelError(
            "`query` must be a non-empty (batch, heads, tokens, head_dim) tensor, "
            f"got shape {tuple(query.shape)}"
        )
    for name, tensor in (("key", key), ("value", value)):
        expected = (tuple(query.shape), query.dtype, query.device)
        got = (tuple(tensor.shape), tensor.dtype, tensor.device)
        if got != expected:
            raise ModelError(
                f"`{name}` must have the shape, dtype and device of `query`, "
                f"expected {expected}, got {got}"
            )


def _validate_padding_mask(key_padding_mask: Tensor, query: Tensor) -> None:
    expected = (query.shape[0], query.shape[2])
    if tuple(key_padding_mask.shape) != expected:
        raise ModelError(
            f"`key_padding_mask` must have the shape (batch, tokens) = {expected}, "
            f"got {tuple(key_padding_mask.shape)}"
        )
    if key_padding_mask.dtype != torch.bool:
        raise ModelError(
            f"`key_padding_mask` must be of dtype torch.bool, got {key_padding_mask.dtype}"
        )
