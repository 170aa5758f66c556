"""Where local attention in blocks cuts its tokens; arithmetic alone.

Letters of shapes: B batch, H heads, N tokens, D width of a head, h half a window; of a piece, P
blocks, Q queries of a block, K keys that a block sees, at most Q + 2 h.
"""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class DeviceCosts:
    """What suits a kind of device.

    Args:
        block: Q of the pieces that have several blocks: as many as torch's fused attention takes at
            a time. Larger blocks compute more scores outside the band; smaller ones are dominated
            by what a block costs to begin.
        piece: What a further piece costs, in scores: the call, its mask, and joining the outputs.
        piece_in_training: The same where gradients of its keys are added to the others'.
        divided: Whether those scores are of all heads of the batch, which run side by side, and
            not of each.
        most_queries: Of a piece that is a single block.
    """

    block: int
    piece: int
    piece_in_training: int
    divided: bool
    most_queries: int

    def of_piece(self, is_training: bool, heads: int) -> int:
        """Return what a piece costs, in scores of one of so many heads of all samples."""
        cost = self.piece_in_training if is_training else self.piece
        return max(1, cost // heads) if self.divided else cost


ON_CPU = DeviceCosts(32, 4000, 10_000, divided=False, most_queries=1024)
# A GPU waits for the host, some 50 microseconds for a piece and in training three times as much: in
# that time it would compute so many scores of width 64 (an estimate for an H100 in bfloat16).
ELSEWHERE = DeviceCosts(128, 60_000_000, 180_000_000, divided=True, most_queries=2048)


def costs_of(device: str) -> DeviceCosts:
    """Return what suits a type of device, such as "cpu"."""
    return ON_CPU if device == "cpu" else ELSEWHERE


@dataclass(frozen=True)
class Piece:
    """So many blocks of queries, one after the other, and the keys that each of them sees.

    Args:
        first_query: Token that is the first query of the first block.
        num_queries: Q.
        first_key: Token that is the first key of the first block.
        num_keys: K.
        num_blocks: P; each block begins Q tokens after the one before.
    """

    first_query: int
    num_queries: int
    first_key: int
    num_keys: int
    num_blocks: int = 1

    @property
    def num_scores(self) -> int:
        """Scores that are computed, P Q K, those outside the band included."""
        return self.num_blocks * self.num_queries * self.num_keys


def covers_all(half_window: int, tokens: int) -> bool:
    """Tell whether every token sees every other one: attention is then full attention."""
    return half_window >= tokens - 1


@lru_cache(maxsize=1024)
def plan_pieces(
    tokens: int,
    half_window: int,
    block: int,
    piece_cost: int = ON_CPU.piece,
    most_queries: int = ON_CPU.most_queries,
) -> tuple[Piece, ...]:
    """Cut the tokens so that few scores are computed, or not at all where that is quicker.

    Args:
        tokens: N.
        half_window: h, tokens that a query sees on each side of it.
        block: Q of the pieces that have several blocks.
        piece_cost: What a further piece costs, in scores.
        most_queries: Of a piece that is a single block.

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
    choices = [_in_slabs(pieces, tokens, half_window, most_queries) for pieces in choices]
    # Not `min` with a key: torch.compile cannot follow that, and would cut its graph here.
    costs = [sum(piece.num_scores + piece_cost for piece in pieces) for pieces in choices]
    return choices[costs.index(min(costs))]


def _in_slabs(
    pieces: tuple[Piece, ...], tokens: int, half_window: int, most_queries: int
) -> tuple[Piece, ...]:
    """Cut single pieces with many queries: their masks would grow with the square of the window."""
    cut: list[Piece] = []
    for piece in pieces:
        if piece.num_blocks > 1 or piece.num_queries <= most_queries:
            cut.append(piece)
            continue
        for first in range(0, piece.num_queries, most_queries):
            first_query = piece.first_query + first
            num_queries = min(most_queries, piece.num_queries - first)
            first_key = max(0, first_query - half_window)
            last_key = min(tokens, first_query + num_queries + half_window)
            cut.append(Piece(first_query, num_queries, first_key, last_key - first_key))
    return tuple(cut)
