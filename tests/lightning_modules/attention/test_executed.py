"""Pairs of query and key that kernels compute, against masks that are drawn and counted."""

import pytest
import torch

from lightning_modules.attention import IMPLEMENTATIONS
from lightning_modules.attention.executed import (
    band_pairs,
    executed_pairs,
    strip_pairs,
    tile_pairs,
)

CASES = [(1, 1), (7, 2), (50, 3), (64, 32), (65, 40), (130, 7), (130, 200), (257, 16)]


def band(tokens: int, half_window: int) -> torch.Tensor:
    places = torch.arange(tokens)
    return (places[:, None] - places).abs() <= half_window


@pytest.mark.parametrize(("tokens", "half_window"), CASES)
def test_the_band_has_the_pairs_of_its_mask(tokens: int, half_window: int) -> None:
    assert band_pairs(tokens, half_window) == int(band(tokens, half_window).sum())


@pytest.mark.parametrize(("tokens", "half_window"), CASES)
@pytest.mark.parametrize("tile", [16, 32])
def test_tiles_are_those_that_hold_a_pair_of_the_band(
    tokens: int, half_window: int, tile: int
) -> None:
    padded = -(-tokens // tile) * tile
    mask = torch.zeros(padded, padded, dtype=torch.bool)
    mask[:tokens, :tokens] = band(tokens, half_window)
    tiles = mask.unflatten(0, (-1, tile)).unflatten(2, (-1, tile)).any(3).any(1)
    assert tile_pairs(tokens, half_window, tile) == int(tiles.sum()) * tile**2


@pytest.mark.parametrize(("tokens", "half_window"), CASES)
@pytest.mark.parametrize("strip", [4, 16])
def test_strips_have_all_keys_that_one_of_their_queries_sees(
    tokens: int, half_window: int, strip: int
) -> None:
    padded = -(-tokens // strip) * strip
    mask = torch.zeros(padded, tokens, dtype=torch.bool)
    mask[:tokens] = band(tokens, half_window)
    keys = mask.unflatten(0, (-1, strip)).any(1)
    assert strip_pairs(tokens, half_window, strip) == int(keys.sum()) * strip


@pytest.mark.parametrize(("tokens", "half_window"), CASES)
@pytest.mark.parametrize("is_training", [False, True])
def test_no_kernel_computes_less_than_the_band(
    tokens: int, half_window: int, is_training: bool
) -> None:
    for implementation in IMPLEMENTATIONS:
        for device in ("cpu", "cuda"):
            pairs = executed_pairs(implementation, tokens, half_window, device, is_training)
            assert pairs >= band_pairs(tokens, half_window)
    assert executed_pairs("local_masked", tokens, half_window, "cpu", is_training) == tokens**2
