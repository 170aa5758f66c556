"""Local attention through a kernel of our own, compiled once per machine; on a CPU.

Queries are taken in tiles of as many as a vector has lanes. The keys and values of some hundred
queries are packed once, in a thread's own cache; neither scores nor overlapping keys ever exist for
the whole input. Threads share heads and chunks of queries. The gradients of keys belong to two
chunks at the edges, so chunks of even and of odd number take turns.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lightning_modules.attention.blocked import attend_to_all
from lightning_modules.attention.compiled.building import load_operators
from lightning_modules.attention.pieces import covers_all
from lightning_modules.errors import ModelError


def compiled_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` with the compiled operators, which the first call builds.

    Args:
        query: (batch, heads, tokens, head_dim), float32, float64, bfloat16 or float16; sums are
            taken in float32 at least.
        key: The same shape.
        value: The same shape.
        half_window: Tokens that a query sees on each side of it. One that covers the input makes
            full attention, which is left to torch's fused kernel.
        key_padding_mask: (batch, tokens) bool, True = real token; None = all are real.
        dropout_p: Zero; anything else has been refused.

    Returns:
        (batch, heads, tokens, head_dim), zero in the rows of padded queries.

    Raises:
        ModelError: The compiler fails, or derivatives are taken in forward mode.
    """
    if covers_all(half_window, query.shape[2]):
        return attend_to_all(query, key, value, key_padding_mask, dropout_p)
    if forward_ad._current_level >= 0:
        # Torch takes derivatives that an operator does not have for zero.
        raise ModelError(
            "`implementation` 'local_compiled' has no derivatives in forward mode; choose "
            "'local_masked', which has them"
        )
    load_operators()
    if torch.is_grad_enabled() and (
        query.requires_grad or key.requires_grad or value.requires_grad
    ):
        trained: Tensor = _Trained.apply(query, key, value, half_window, key_padding_mask)
        return trained
    output: Tensor = torch.ops.tipping_point.local_attention(
        query, key, value, half_window, key_padding_mask, False
    )[0]
    return output


class _Trained(torch.autograd.Function):
    """Keeps outputs and the sums of softmax; the way back computes the scores again."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, half_window: int, real: Tensor | None
    ) -> Tensor:
        output, sums = torch.ops.tipping_point.local_attention(
            query, key, value, half_window, real, True
        )
        ctx.save_for_backward(query, key, value, output, sums, real)
        ctx.half_window = half_window
        trained: Tensor = output
        return trained

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        compute = _Back.apply if torch.is_grad_enabled() else _backward  # enabled: twice wanted
        return *compute(ctx.half_window, gradient, *ctx.saved_tensors), None, None


class _Back(torch.autograd.Function):
    """The gradients of queries, keys and values, which have none: nobody gets wrong ones."""

    @staticmethod
    def forward(ctx: Any, half_window: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return _backward(half_window, *tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError("local_compiled cannot be differentiated twice")


def _backward(half_window: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    *given, real = tensors
    compute = torch.ops.tipping_point.local_attention_backward
    gradients: tuple[Tensor, ...] = compute(*given, half_window, real)
    return gradients
