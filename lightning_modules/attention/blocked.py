"""Local attention in blocks of queries, each with its stretch of keys; linear memory, any device.

Tokens are cut into a first piece, equal blocks, and a last piece, such that the keys of every block
lie within the input: nothing is padded, and all blocks share one band mask. A stretch of keys is a
view that overlaps with its neighbours', so for one sample nothing is copied either; its gradients
are added up by hand, which torch would do far more slowly.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# Queries of a block: as many as the fused kernel takes at a time. More compute scores outside the
# band, fewer are dominated by what a block costs to begin.
BLOCK = {"cpu": 32}
BLOCK_ELSEWHERE = 128
# What a further piece costs, in scores: the call, its mask, and joining the outputs.
PIECE_COST = 4000
PIECE_COST_IN_TRAINING = 10_000  # and the gradients of its keys are added to the others'
MOST_QUERIES = 1024  # of a piece that is a single block
# Bands of pieces that have been needed; only so many, and none that is large.
_BANDS: dict[tuple[Any, ...], Tensor] = {}
MOST_BANDS, LARGEST_BAND = 64, 2**18


@dataclass(frozen=True)
class Piece:
    """So many blocks of queries, one after the other, and the keys that each of them sees."""

    first_query: int
    num_queries: int
    first_key: int
    num_keys: int
    num_blocks: int = 1

    @property
    def num_scores(self) -> int:
        """Scores that are computed, those outside the band included."""
        return self.num_blocks * self.num_queries * self.num_keys


def blocked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` through torch's fused attention."""
    batch, heads, tokens, head_dim = query.shape
    if half_window >= tokens - 1:
        return _attend_to_all(query, key, value, key_padding_mask, dropout_p)
    block = BLOCK.get(query.device.type, BLOCK_ELSEWHERE)
    is_training = torch.is_grad_enabled() and query.requires_grad
    cost = PIECE_COST_IN_TRAINING if is_training else PIECE_COST
    pieces = plan_pieces(tokens, half_window, block, cost)
    if len(pieces) == 1:
        mask = _mask(pieces[0], half_window, query, key_padding_mask)
        output = functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)
        return _without_padding(output, key_padding_mask)
    parts = _Cut.apply(query, key, value, pieces)
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


def _attend_to_all(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, dropout_p: float
) -> Tensor:
    mask = None
    if key_padding_mask is not None:
        # Of a sample that is nothing but padding every token is seen: a row without any key would
        # be 0/0, also in its gradient.
        mask = (key_padding_mask | ~key_padding_mask.any(1, keepdim=True))[:, None, None, :]
    output = functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)
    return _without_padding(output, key_padding_mask)


def _without_padding(output: Tensor, key_padding_mask: Tensor | None) -> Tensor:
    """Set the rows of padding to zero."""
    if key_padding_mask is None:
        return output
    return output.masked_fill(~key_padding_mask[:, None, :, None], 0.0)


@lru_cache(maxsize=1024)
def plan_pieces(
    tokens: int, half_window: int, block: int, piece_cost: int = PIECE_COST
) -> tuple[Piece, ...]:
    """Cut the tokens so that few scores are computed, or not at all where that is quicker.

    Args:
        tokens: Length of the input.
        half_window: Tokens seen on each side.
        block: Queries of a block.
        piece_cost: What a further piece costs, in scores.

    Returns:
        The pieces in order; every query is in exactly one, and its keys are all there.
    """
    choices: list[tuple[Piece, ...]] = [(Piece(0, tokens, 0, tokens),)]
    edge = -(-half_window // block) * block
    num_blocks = (tokens - 2 * edge) // block
    if num_blocks >= 1:
        last = tokens - edge - num_blocks * block
        choices.append(
            (
                Piece(0, edge, 0, edge + half_window),
                Piece(edge, block, edge - half_window, block + 2 * half_window, num_blocks),
                Piece(tokens - last, last, tokens - last - half_window, last + half_window),
            )
        )
    elif tokens > 2 * half_window:
        middle = tokens // 2
        rest = tokens - middle
        choices.append(
            (
                Piece(0, middle, 0, middle + half_window),
                Piece(middle, rest, middle - half_window, rest + half_window),
            )
        )
    choices = [_in_slabs(pieces, tokens, half_window) for pieces in choices]
    return min(choices, key=lambda pieces: sum(piece.num_scores + piece_cost for piece in pieces))


def _in_slabs(pieces: tuple[Piece, ...], tokens: int, half_window: int) -> tuple[Piece, ...]:
    """Cut single pieces with many queries: their masks would grow with the square of the window."""
    cut: list[Piece] = []
    for piece in pieces:
        if piece.num_blocks > 1 or piece.num_queries <= MOST_QUERIES:
            cut.append(piece)
            continue
        for first in range(0, piece.num_queries, MOST_QUERIES):
            first_query = piece.first_query + first
            num_queries = min(MOST_QUERIES, piece.num_queries - first)
            first_key = max(0, first_query - half_window)
            last_key = min(tokens, first_query + num_queries + half_window)
            cut.append(Piece(first_query, num_queries, first_key, last_key - first_key))
    return tuple(cut)


def _mask(piece: Piece, half_window: int, query: Tensor, key_padding_mask: Tensor | None) -> Tensor:
    """Return what is added to the scores of a piece: zero in the band, minus infinity outside.

    Returns:
        (queries, keys); with padding (batch * blocks, 1, queries, keys). Four dimensions, because a
        mask of three sends the CPU's fused kernel to its slow path.
    """
    band = _band(piece, half_window, query)
    if key_padding_mask is None:
        return band
    real = _stretches(key_padding_mask[:, None, :, None], piece, keys=True)[..., 0]
    # A token of padding sees itself: a row without any key would be 0/0, also in its gradient.
    itself = _band(piece, 0, query) == 0
    return band.masked_fill(~(real[:, :, None, :] | itself), -torch.inf)


def _band(piece: Piece, half_window: int, query: Tensor) -> Tensor:
    """Return (queries, keys) of a piece: zero where they are near, minus infinity elsewhere."""
    offset = piece.first_query - piece.first_key
    place = (piece.num_queries, piece.num_keys, offset, half_window, query.dtype, query.device)
    band = _BANDS.get(place)
    if band is None:
        # What is made in inference mode could not be used in training later.
        with torch.inference_mode(False):
            keys = torch.arange(piece.num_keys, device=query.device)
            queries = torch.arange(piece.num_queries, device=query.device)[:, None] + offset
            is_far = (keys < queries - half_window) | (keys > queries + half_window)
            band = torch.zeros(is_far.shape, dtype=query.dtype, device=query.device)
            band.masked_fill_(is_far, -torch.inf)
        if type(band) is Tensor and band.numel() <= LARGEST_BAND:  # no fake one of a tracer
            if len(_BANDS) >= MOST_BANDS:
                _BANDS.clear()
            _BANDS[place] = band
    return band


def _stretches(tokens: Tensor, piece: Piece, keys: bool) -> Tensor:
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


class _Cut(torch.autograd.Function):
    """Queries, keys and values of every piece, in this order; gradients are added up in place."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, pieces: tuple[Piece, ...]
    ) -> tuple[Tensor, ...]:
        ctx.pieces, ctx.shape = pieces, query.shape
        parts: list[Tensor] = []
        for piece in pieces:
            parts.append(_stretches(query, piece, keys=False))
            parts += [_stretches(tokens, piece, keys=True) for tokens in (key, value)]
        return tuple(parts)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
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
