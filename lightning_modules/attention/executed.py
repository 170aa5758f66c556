"""How many pairs of query and key each kernel computes; arithmetic alone."""

from lightning_modules.attention.block_masks import BLOCK, BLOCK_ELSEWHERE
from lightning_modules.attention.blocked import planned_pieces
from lightning_modules.attention.compiled.building import RESULTS, float_lanes
from lightning_modules.attention.pieces import covers_all

# Queries and keys that flash attention takes at a time where heads are 64 wide. Source: Dao-AILab's
# flash-attention 2, `run_mha_fwd_hdim64` in csrc/flash_attn/src/flash_fwd_launch_template.h.
FLASH_TILE = 128


def band_pairs(tokens: int, half_window: int) -> int:
    """Count the pairs inside the window and the sequence, in which a query sees a key.

    Args:
        tokens: N of the sequence.
        half_window: h, tokens that a query sees on each side of it.
    """
    reach = min(half_window, tokens - 1)
    return tokens * (2 * reach + 1) - reach * (reach + 1)


def tile_pairs(tokens: int, half_window: int, tile: int) -> int:
    """Count the pairs of all square tiles that the band touches, whole ones at the end too."""
    num_tiles = -(-tokens // tile)
    touched = 0
    for begin in range(0, tokens, tile):
        first = max(0, begin - half_window) // tile
        last = min(num_tiles * tile - 1, begin + tile - 1 + half_window) // tile
        touched += last - first + 1
    return touched * tile**2


def strip_pairs(tokens: int, half_window: int, strip: int) -> int:
    """Count the pairs of strips of queries, each with all keys that any of its queries sees."""
    return sum(
        strip * (min(tokens, begin + strip + half_window) - max(0, begin - half_window))
        for begin in range(0, tokens, strip)
    )


def executed_pairs(
    implementation: str,
    tokens: int,
    half_window: int,
    device: str,
    is_training: bool,
    heads: int = 1,
) -> int:
    """Count the pairs of one head that a kernel computes, those outside the band included.

    Args:
        implementation: One of `IMPLEMENTATIONS` of `local_attention`.
        tokens: N of the sequence.
        half_window: h, tokens that a query sees on each side of it.
        device: Type of the device, such as "cpu".
        is_training: Whether there will be gradients.
        heads: Of all samples together: how many run side by side.
    """
    if implementation == "local_masked":
        return tokens**2
    if implementation == "local_compiled" and not covers_all(half_window, tokens):
        # The product with keys takes a vector of queries at a time, the one with values fewer.
        strips = (float_lanes(), RESULTS)
        return sum(strip_pairs(tokens, half_window, strip) for strip in strips) // len(strips)
    if implementation == "local_flex":
        return tile_pairs(tokens, half_window, BLOCK.get(device, BLOCK_ELSEWHERE))
    if implementation == "local_varlen":
        return tile_pairs(tokens, half_window, FLASH_TILE)
    pieces = planned_pieces(tokens, half_window, device, is_training, heads)
    return sum(piece.num_scores for piece in pieces)
