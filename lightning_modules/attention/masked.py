"""Local attention as dense attention with a band mask: slow, obvious, the oracle of the others."""

import torch
from torch import Tensor
from torch.nn import functional


def masked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` with all tokens x tokens scores; quadratic in time and memory.

    Args:
        query: (batch, heads, tokens, head_dim).
        key: The same shape.
        value: The same shape.
        half_window: Tokens that a query sees on each side of it.
        key_padding_mask: (batch, tokens) bool, True = real token; None = all are real.
        dropout_p: Probability of dropping an attention weight.

    Returns:
        (batch, heads, tokens, head_dim), zero in the rows of padded queries.
    """
    positions = torch.arange(query.shape[2], device=query.device)
    visible = (positions[:, None] - positions[None, :]).abs() <= half_window
    visible = visible[None, None]
    if key_padding_mask is not None:
        visible = visible & key_padding_mask[:, None, None, :]
    is_dead = ~visible.any(-1, keepdim=True)
    # A row without any key would be softmax over nothing: 0/0, also in its gradient.
    scores = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
    scores = scores.masked_fill(~visible, -torch.inf).masked_fill(is_dead, 0.0)
    weights = functional.dropout(torch.softmax(scores, -1), dropout_p, training=dropout_p > 0)
    if key_padding_mask is not None:
        is_dead = is_dead | ~key_padding_mask[:, None, :, None]
    return (weights @ value).masked_fill(is_dead, 0.0)
