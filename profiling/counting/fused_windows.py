"""What stands in place of kernels that cannot be counted: they compile, or need a GPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lightning_modules.attention import in_place_of
from lightning_modules.attention.executed import executed_pairs

Add = Callable[[float, float, float], None]
UNCOUNTABLE = ("local_compiled", "local_flex", "local_varlen")


@contextmanager
def counted_windows(implementation: str, add: Add) -> Iterator[None]:
    """Count a kernel by what it says that it executes, where nothing else can.

    Args:
        implementation: Of the model; others than those that cannot be counted stay as they are.
        add: Takes operations, bytes and recomputed operations.
    """
    if implementation not in UNCOUNTABLE:
        yield
        return

    def compute(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        half_window: int,
        key_padding_mask: Tensor | None,
        dropout_p: float,
    ) -> Tensor:
        is_training = torch.is_grad_enabled() and query.requires_grad
        batch, heads, tokens, _ = query.shape
        pairs = executed_pairs(
            implementation, tokens, half_window, query.device.type, is_training, batch * heads
        )
        output: Tensor = _FusedWindow.apply(query, key, value, pairs, add)
        return output

    with in_place_of(implementation, compute):
        yield


class _FusedWindow(torch.autograd.Function):
    """Makes what a fused kernel makes: outputs, and the sums of its softmax for the way back."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, pairs: int, add: Add
    ) -> Tensor:
        batch, heads, tokens, head_dim = query.shape
        output = query.new_empty(batch, tokens, heads, head_dim).transpose(1, 2)
        sums = query.new_empty(batch, heads, tokens, dtype=torch.float32)
        ctx.save_for_backward(query, key, value, output, sums)
        ctx.scores = 2.0 * batch * heads * pairs * head_dim
        ctx.add = add
        add(2 * ctx.scores, 3.0 * query.nbytes, 0.0)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        query, key, value, *_ = ctx.saved_tensors
        ctx.add(4 * ctx.scores, 5.0 * query.nbytes, ctx.scores)
        return *(torch.empty_like(x) for x in (query, key, value)), None, None
