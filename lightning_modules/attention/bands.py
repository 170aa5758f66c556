"""Band masks of local attention in blocks: the first layer makes them, and all others take them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lightning_modules.attention.pieces import ELSEWHERE, Piece
from lightning_modules.cuda_graphs import Kept

# Bands of pieces that have been needed, but none that is large. To make one anew in every layer is
# cheap on a CPU, and several calls on a GPU: there even a single block stays that has all the
# queries it may have, and a window of as many tokens.
_BANDS = Kept()
LARGEST_BAND = {"cpu": 2**18}
LARGEST_BAND_ELSEWHERE = 2 * ELSEWHERE.most_queries**2
_keeps_fakes = False


@contextmanager
def bands_apart() -> Iterator[None]:
    """Begin without bands, and leave none behind.

    Inside, bands without values are kept as real ones are, so that a model whose tensors have no
    values makes and holds as many as a real one.
    """
    global _keeps_fakes
    kept_fakes, _keeps_fakes = _keeps_fakes, True
    try:
        with _BANDS.apart():
            yield
    finally:
        _keeps_fakes = kept_fakes


def band_of(piece: Piece, half_window: int, query: Tensor) -> Tensor:
    """Return (Q, K) of a piece: zero where they are near, minus infinity elsewhere.

    Args:
        piece: Q queries and the K keys that they see.
        half_window: Tokens that a query sees on each side of it.
        query: Of the dtype and on the device of the band.
    """
    # A query of a tracer has no values: it takes no band that has some, and leaves none behind.
    if type(query) is not Tensor and not _keeps_fakes:
        return _make(piece, half_window, query)
    offset = piece.first_query - piece.first_key
    place = (piece.num_queries, piece.num_keys, offset, half_window, query.dtype, query.device)
    band: Tensor | None = _BANDS.find(place)
    if band is None:
        band = _make(piece, half_window, query)
        largest = LARGEST_BAND.get(query.device.type, LARGEST_BAND_ELSEWHERE)
        if band.numel() <= largest:
            _BANDS.keep(place, band)
    return band


def _make(piece: Piece, half_window: int, query: Tensor) -> Tensor:
    offset = piece.first_query - piece.first_key
    # What is made in inference mode could not be used in training later.
    with torch.inference_mode(False):
        keys = torch.arange(piece.num_keys, device=query.device)
        queries = torch.arange(piece.num_queries, device=query.device)[:, None] + offset
        is_far = (keys < queries - half_window) | (keys > queries + half_window)
        band = torch.zeros(is_far.shape, dtype=query.dtype, device=query.device)
        return band.masked_fill_(is_far, -torch.inf)
