"""What is read from a mask function, against the mask that it makes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import masking_utils as library

from lightning_modules.attention.mask_patterns import half_window_of
from lightning_modules.errors import ModelError

TOKENS = 40


def _everywhere(*_: Any) -> torch.Tensor:
    return torch.tensor(True)


def _within(distance: int) -> Callable[..., Any]:
    return lambda b, h, q, k: abs(q - k) < distance


def _between(left: int, right: int) -> Callable[..., Any]:
    return lambda b, h, q, k: (q - k < left) & (k - q < right)


def _dense(mask_function: Callable[..., Any]) -> torch.Tensor:
    queries, keys = torch.arange(TOKENS)[:, None], torch.arange(TOKENS)[None]
    zero = torch.zeros((), dtype=torch.long)
    return mask_function(zero, zero, queries, keys).expand(TOKENS, TOKENS)


causal = library.causal_mask_function
BANDS = [
    library.sliding_window_bidirectional_mask_function(1),
    library.sliding_window_bidirectional_mask_function(5),
    library.sliding_window_bidirectional_overlay(0),
    library.or_masks(library.sliding_window_causal_mask_function(8), _within(8)),
    library.and_masks(library.bidirectional_mask_function, _between(6, 6)),
    library.and_masks(_within(9), library.or_masks(causal, _everywhere)),
]


@pytest.mark.parametrize("mask_function", BANDS)
def test_a_band_is_as_wide_as_its_mask(mask_function: Callable[..., Any]) -> None:
    half_window = half_window_of(mask_function)
    assert half_window is not None
    places = torch.arange(TOKENS)
    expected = (places[:, None] - places).abs() <= half_window
    assert torch.equal(_dense(mask_function), expected)


@pytest.mark.parametrize(
    "mask_function",
    [
        library.bidirectional_mask_function,
        library.and_masks(library.bidirectional_mask_function),
        library.or_masks(causal, _everywhere),
    ],
)
def test_what_sees_everything_is_no_band(mask_function: Callable[..., Any]) -> None:
    assert half_window_of(mask_function) is None
    assert _dense(mask_function).all()


@pytest.mark.parametrize(
    "mask_function",
    [
        causal,
        library.sliding_window_causal_mask_function(5),
        library.chunked_causal_mask_function(4, torch.zeros(1, dtype=torch.int64)),
        library.packed_sequence_mask_function(torch.zeros(1, TOKENS)),
        library.and_masks(library.bidirectional_mask_function, _between(3, 4)),
        library.or_masks(_within(2), lambda b, h, q, k: q // 4 == k // 4),
        lambda b, h, q, k: q != k,
    ],
)
def test_any_other_mask_is_refused(mask_function: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="as far to both sides of every token"):
        half_window_of(mask_function)
