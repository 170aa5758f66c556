"""Queries, keys and values of all blocks as views, and the way back for their gradients.

Letters of shapes: B batch, H heads, N tokens, D width of a head, h half a window; of a piece, P
blocks, Q queries of a block, K keys that a block sees, at most Q + 2 h.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lightning_modules.attention.pieces import Piece


def stretches(tokens: Tensor, piece: Piece, keys: bool) -> Tensor:
    """View the stretch of tokens that belongs to every block of a piece.

    The stretches of keys of neighbouring blocks overlap. Where B is above 1 they are copied: B * P
    of them cannot be one view.

    Args:
        tokens: (B, H, N, D).
        piece: The blocks.
        keys: Whether to take the keys of every block, or its queries.

    Returns:
        (B * P, H, Q, D), or (B * P, H, K, D) with `keys`.
    """
    batch, heads, _, dim = tokens.shape
    first = piece.first_key if keys else piece.first_query
    length = piece.num_keys if keys else piece.num_queries
    blocks = _view(tokens, first, length, piece)
    return blocks.reshape(batch * piece.num_blocks, heads, length, dim)


def _view(tokens: Tensor, first: int, length: int, piece: Piece) -> Tensor:
    """View (B, H, N, D) as (B, P, H, length, D), of every block from `first` on.

    Not through `as_strided`, of which torch.compile knows no way back.
    """
    end = first + (piece.num_blocks - 1) * piece.num_queries + length
    by_block = tokens[:, :, first:end].unfold(2, length, piece.num_queries)  # (B, H, P, D, length)
    return by_block.permute(0, 2, 1, 4, 3)


class Cut(torch.autograd.Function):
    """Queries, keys and values of every piece, in this order; gradients are added up in place."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, pieces: tuple[Piece, ...]
    ) -> tuple[Tensor, ...]:
        """Cut (B, H, N, D) into (B * P, H, Q, D), and twice (B * P, H, K, D), of every piece."""
        ctx.pieces, ctx.shape = pieces, query.shape
        parts: list[Tensor] = []
        for piece in pieces:
            parts.append(stretches(query, piece, keys=False))
            parts += [stretches(tokens, piece, keys=True) for tokens in (key, value)]
        return tuple(parts)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Add up what all pieces say of a token: three gradients of shape (B, H, N, D)."""
        batch, heads, tokens, dim = ctx.shape
        shape = (batch, tokens, heads, dim)  # the layout of an encoder's projections
        query = gradients[0].new_empty(shape).transpose(1, 2)
        key, value = (gradients[0].new_zeros(shape).transpose(1, 2) for _ in range(2))
        for number, piece in enumerate(ctx.pieces):
            own = _Span(piece.first_query, piece.num_queries, piece)
            own.of(query).copy_(own.split(gradients[3 * number]))
            for total, part in zip((key, value), gradients[3 * number + 1 :], strict=False):
                _add_stretches(total, part, piece)
        return query, key, value, None


@dataclass(frozen=True)
class _Span:
    """The same stretch of every block of a piece, no longer than a block: none overlap."""

    first: int
    length: int
    piece: Piece

    def of(self, tokens: Tensor) -> Tensor:
        """View (B, H, N, D) as (B, P, H, length, D)."""
        return _view(tokens, self.first, self.length, self.piece)

    def split(self, blocks: Tensor) -> Tensor:
        """View (B * P, H, length, D) as (B, P, H, length, D)."""
        return blocks.view(-1, self.piece.num_blocks, *blocks.shape[1:])


def _add_stretches(total: Tensor, part: Tensor, piece: Piece) -> None:
    """Add what the blocks say of their keys to all tokens, Q at a time.

    Args:
        total: (B, H, N, D), added to in place.
        part: (B * P, H, K, D).
        piece: The blocks.
    """
    for first in range(0, piece.num_keys, piece.num_queries):
        length = min(piece.num_queries, piece.num_keys - first)
        span = _Span(piece.first_key + first, length, piece)
        span.of(total).add_(span.split(part)[..., first : first + length, :])
