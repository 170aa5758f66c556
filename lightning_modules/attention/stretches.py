"""Queries, keys and values of all blocks as views, and the way back for their gradients."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lightning_modules.attention.pieces import Piece


def stretches(tokens: Tensor, piece: Piece, keys: bool) -> Tensor:
    """View (batch, heads, tokens, dim) as (batch * blocks, heads, queries or keys, dim).

    The stretches of keys of neighbouring blocks overlap. Several samples cannot be one view.
    """
    batch, heads, _, dim = tokens.shape
    first = piece.first_key if keys else piece.first_query
    length = piece.num_keys if keys else piece.num_queries
    by_sample, by_head, by_token, by_dim = tokens.stride()
    blocks = tokens.as_strided(
        (batch, piece.num_blocks, heads, length, dim),
        (by_sample, piece.num_queries * by_token, by_head, by_token, by_dim),
        tokens.storage_offset() + first * by_token,
    )
    return blocks.reshape(batch * piece.num_blocks, heads, length, dim)


class Cut(torch.autograd.Function):
    """Queries, keys and values of every piece, in this order; gradients are added up in place."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, pieces: tuple[Piece, ...]
    ) -> tuple[Tensor, ...]:
        """Return views, or copies where there are several samples."""
        ctx.pieces, ctx.shape = pieces, query.shape
        parts: list[Tensor] = []
        for piece in pieces:
            parts.append(stretches(query, piece, keys=False))
            parts += [stretches(tokens, piece, keys=True) for tokens in (key, value)]
        return tuple(parts)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Add up what all pieces say of a token."""
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
        """View (batch, heads, tokens, dim) as (batch, blocks, heads, length, dim)."""
        batch, heads, _, dim = tokens.shape
        by_sample, by_head, by_token, by_dim = tokens.stride()
        return tokens.as_strided(
            (batch, self.piece.num_blocks, heads, self.length, dim),
            (by_sample, self.piece.num_queries * by_token, by_head, by_token, by_dim),
            tokens.storage_offset() + self.first * by_token,
        )

    def split(self, blocks: Tensor) -> Tensor:
        """View (batch * blocks, heads, length, dim) as (batch, blocks, heads, length, dim)."""
        return blocks.view(-1, self.piece.num_blocks, *blocks.shape[1:])


def _add_stretches(total: Tensor, part: Tensor, piece: Piece) -> None:
    """Add what the blocks say of their keys to all tokens, a block's width at a time."""
    for first in range(0, piece.num_keys, piece.num_queries):
        length = min(piece.num_queries, piece.num_keys - first)
        span = _Span(piece.first_key + first, length, piece)
        span.of(total).add_(span.split(part)[..., first : first + length, :])
