"""Local attention over blocks of queries with overlapping blocks of keys; linear memory."""

import torch
from torch import Tensor
from torch.nn import functional

MIN_BLOCK = 32  # fewer queries at a time are dominated by the cost of starting each block
MAX_BLOCK = 128  # more queries at a time compute mostly scores outside the band


def blocked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` through torch's fused attention, blocks folded into the batch."""
    tokens = query.shape[2]
    if half_window >= tokens - 1:
        return _full_attention(query, key, value, key_padding_mask, dropout_p)
    block = min(max(half_window, MIN_BLOCK), MAX_BLOCK, tokens)
    visible, is_dead = _visible_keys(query, half_window, block, key_padding_mask)
    output = functional.scaled_dot_product_attention(
        _query_blocks(query, block),
        _key_blocks(key, half_window, block),
        _key_blocks(value, half_window, block),
        attn_mask=visible,
        dropout_p=dropout_p,
    )
    batch, heads, _, head_dim = query.shape
    output = output.transpose(1, 2).reshape(batch, -1, heads, head_dim)[:, :tokens].transpose(1, 2)
    return output if is_dead is None else output.masked_fill(is_dead, 0.0)


def _full_attention(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, dropout_p: float
) -> Tensor:
    """Attend without a band: the window covers the input from every token."""
    if key_padding_mask is None:
        return functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout_p)
    # Samples of padding only see everything instead of nothing, so that no row is 0/0.
    visible = key_padding_mask | ~key_padding_mask.any(-1, keepdim=True)
    output = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=visible[:, None, None, :], dropout_p=dropout_p
    )
    return output.masked_fill(~key_padding_mask[:, None, :, None], 0.0)


def _query_blocks(query: Tensor, block: int) -> Tensor:
    """Cut (batch, heads, tokens, head_dim) into (batch * blocks, heads, block, head_dim)."""
    heads, tokens, head_dim = query.shape[1:]
    padded = functional.pad(query.transpose(1, 2), (0, 0, 0, 0, 0, -tokens % block))
    return padded.reshape(-1, block, heads, head_dim).transpose(1, 2)


def _key_blocks(key: Tensor, half_window: int, block: int) -> Tensor:
    """Give each block of queries its keys: (batch * blocks, heads, block + 2 halves, head_dim)."""
    heads, tokens, head_dim = key.shape[1:]
    span = block + 2 * half_window
    ends = (half_window, -tokens % block + half_window)
    padded = functional.pad(key.transpose(1, 2), (0, 0, 0, 0, *ends))
    overlapping = padded.unfold(1, span, block).movedim(-1, 2)
    return overlapping.reshape(-1, span, heads, head_dim).transpose(1, 2)


def _visible_keys(
    query: Tensor, half_window: int, block: int, key_padding_mask: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Say which keys of its block each query sees, and which rows of the output are zero.

    Returns:
        visible: (batch * blocks, 1, block, block + 2 halves) bool; 4-D, because a 3-D mask sends
            the CPU's fused kernel to its slow path.
        is_dead: (batch, 1, tokens, 1) bool, or None when nothing is padded.
    """
    batch, _, tokens, _ = query.shape
    span = block + 2 * half_window
    offset = (
        torch.arange(span, device=query.device) - torch.arange(block, device=query.device)[:, None]
    )
    band = (offset >= 0) & (offset <= 2 * half_window)
    if key_padding_mask is None:
        is_real = torch.ones(1, tokens, dtype=torch.bool, device=query.device)
    else:
        is_real = key_padding_mask
    ends = (half_window, -tokens % block + half_window)
    key_is_real = functional.pad(is_real, ends).unfold(1, span, block)
    visible = band & key_is_real[:, :, None, :]
    has_key = visible.any(-1)
    # A row without any key would be 0/0 in the fused kernel and poison every gradient.
    visible = (visible | ~has_key[..., None]).expand(batch, -1, -1, -1)
    visible = visible.reshape(-1, 1, block, span)
    if key_padding_mask is None:
        return visible, None
    is_dead = ~(has_key.flatten(1)[:, :tokens] & is_real)
    return visible, is_dead[:, None, :, None]
