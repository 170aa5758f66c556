"""Local attention in blocks of queries, each with its stretch of keys; linear memory, any device.

Tokens are cut into a first piece, equal blocks, and a last piece, such that the keys of every block
lie within the input: nothing is padded, and all blocks share one band mask. A stretch of keys is a
view that overlaps with its neighbours', so for a batch of one nothing is copied either; its
gradients are added up by hand, which torch would do far more slowly.

Letters of shapes: B batch, H heads, N tokens, D width of a head, h half a window; of a piece, P
blocks, Q queries of a block, K keys that a block sees, at most Q + 2 h.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.attention.bands import band_of
from lightning_modules.attention.pieces import Piece, costs_of, covers_all, plan_pieces
from lightning_modules.attention.stretches import Cut, stretches

HALF_PRECISION = (torch.bfloat16, torch.float16)


def blocked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` through torch's fused attention.

    Args:
        query: (B, H, N, D).
        key: The same shape.
        value: The same shape.
        half_window: Tokens that a query sees on each side of it.
        key_padding_mask: (B, N) bool, True = real token; None = all are real.
        dropout_p: Probability of dropping an attention weight.

    Returns:
        (B, H, N, D), zero in the rows of padded queries.
    """
    batch, heads, tokens, head_dim = query.shape
    if covers_all(half_window, tokens):
        return attend_to_all(query, key, value, key_padding_mask, dropout_p)
    # With dropout always: a forward pass without gradients that is computed again with them must
    # drop the same weights, so it must be cut into the same pieces.
    is_training = dropout_p > 0 or (torch.is_grad_enabled() and query.requires_grad)
    if is_training and query.device.type == "cpu" and query.dtype in HALF_PRECISION:
        return _in_float32(query, key, value, half_window, key_padding_mask, dropout_p)
    pieces = planned_pieces(tokens, half_window, query.device.type, is_training, batch * heads)
    if len(pieces) == 1:
        mask = _mask(pieces[0], half_window, query, key_padding_mask)
        output = functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)
        return _without_padding(output, key_padding_mask)
    parts = Cut.apply(query, key, value, pieces)
    outputs = []
    for number, piece in enumerate(pieces):
        queries, keys, values = parts[3 * number : 3 * number + 3]
        mask = _mask(piece, half_window, query, key_padding_mask)
        output = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, dropout_p=dropout_p
        )
        outputs.append(output.transpose(1, 2).reshape(batch, -1, heads, head_dim))
    joined = torch.cat(outputs, 1).transpose(1, 2)
    return _without_padding(joined, key_padding_mask)


def is_one_piece(
    tokens: int, half_window: int, device: str, is_training: bool, heads: int = 1
) -> bool:
    """Tell whether all pairs of tokens are computed at once: the window covers so many of them.

    Args:
        tokens: N.
        half_window: Tokens that a query sees on each side of it.
        device: Type of the device, such as "cpu".
        is_training: Whether there will be gradients, or weights are dropped.
        heads: B * H, of all samples together.
    """
    return len(planned_pieces(tokens, half_window, device, is_training, heads)) == 1


def planned_pieces(
    tokens: int, half_window: int, device: str, is_training: bool, heads: int
) -> tuple[Piece, ...]:
    """Plan the pieces as they suit a device and a phase; one where the window covers all.

    The arguments are those of `is_one_piece`.
    """
    if covers_all(half_window, tokens):
        return (Piece(0, tokens, 0, tokens),)
    suits = costs_of(device)
    cost = suits.of_piece(is_training, heads)
    return plan_pieces(tokens, half_window, suits.block, cost, suits.most_queries)


def attend_to_all(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, dropout_p: float
) -> Tensor:
    """Attend from every token to every real one: the window covers all of them.

    Args:
        query: (B, H, N, D).
        key: The same shape.
        value: The same shape.
        key_padding_mask: (B, N) bool, True = real token; None = all are real.
        dropout_p: Probability of dropping an attention weight.

    Returns:
        (B, H, N, D), zero in the rows of padded queries.
    """
    mask = None
    if key_padding_mask is not None:
        # Of a sequence that is nothing but padding every token is seen: a row without any key
        # would be 0/0, also in its gradient.
        mask = (key_padding_mask | ~key_padding_mask.any(1, keepdim=True))[:, None, None, :]
    output = functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)
    return _without_padding(output, key_padding_mask)


def _in_float32(query: Tensor, key: Tensor, value: Tensor, *others: Any) -> Tensor:
    """Compute `blocked_attention` of 16-bit numbers in float32, and round what comes out.

    The backward pass of torch's fused attention on a CPU multiplies small matrices of 16-bit
    numbers three to four times as slowly as those of float32 (`benchmarks/README.md`).
    """
    with torch.autocast(query.device.type, enabled=False):
        output = blocked_attention(query.float(), key.float(), value.float(), *others)
    return output.to(query.dtype)


def _without_padding(output: Tensor, key_padding_mask: Tensor | None) -> Tensor:
    """Set the rows of padding in (B, H, N, D) to zero."""
    if key_padding_mask is None:
        return output
    return output.masked_fill(~key_padding_mask[:, None, :, None], 0.0)


def _mask(piece: Piece, half_window: int, query: Tensor, key_padding_mask: Tensor | None) -> Tensor:
    """Return what is added to the scores of a piece: zero in the band, minus infinity outside.

    Returns:
        (Q, K); with padding (B * P, 1, Q, K). Four dimensions, because a mask of three sends
        torch's fused attention on a CPU to its slow path.
    """
    band = band_of(piece, half_window, query)
    if key_padding_mask is None:
        return band
    real = stretches(key_padding_mask[:, None, :, None], piece, keys=True)[..., 0]
    # A token of padding sees itself: a row without any key would be 0/0, also in its gradient.
    itself = band_of(piece, 0, query) == 0
    return band.masked_fill(~(real[:, :, None, :] | itself), -torch.inf)
