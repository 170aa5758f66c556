"""What suits a device decides how tokens are cut, and nothing of what comes out."""

import operator

import pytest
import torch

from lightning_modules.attention import blocked
from lightning_modules.attention.bands import band_of, bands_apart
from lightning_modules.attention.blocked import is_one_piece, planned_pieces
from lightning_modules.attention.pieces import ELSEWHERE, costs_of
from tests.samples.devices import HEADS_OF_PIECES, PIECES
from tests.samples.variants.attention import attend, draw_inputs

HEADS = 12


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("tokens", [700, 2000, 5000, 30_000])
@pytest.mark.parametrize("half_window", [1, 50, 256, 1023])
def test_a_larger_batch_is_never_cut_into_fewer_pieces(
    tokens: int, half_window: int, is_training: bool
) -> None:
    plans = [
        planned_pieces(tokens, half_window, "cuda", is_training, samples * HEADS)
        for samples in (1, 2, 8, 64, 512)
    ]
    scores = [sum(piece.num_scores for piece in plan) for plan in plans]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < tokens**2 or half_window > 1000


def test_a_cpu_cuts_alike_whatever_the_batch() -> None:
    for tokens in (100, 300, 3000):
        plans = {planned_pieces(tokens, 50, "cpu", False, heads) for heads in (1, 12, 768)}
        assert len(plans) == 1


def test_a_gpu_takes_a_short_input_at_once_where_it_would_wait_for_the_host() -> None:
    assert is_one_piece(615, 50, "cuda", False, HEADS)
    assert not is_one_piece(615, 50, "cuda", False, 64 * HEADS)
    assert not is_one_piece(615, 50, "cpu", False, HEADS)
    assert not is_one_piece(30_000, 50, "cuda", True, HEADS)


@pytest.mark.parametrize("samples", [1, 2])
def test_what_is_tried_on_a_gpu_is_cut_into_blocks_too(samples: int) -> None:
    heads = samples * HEADS_OF_PIECES
    plans = [planned_pieces(n, window // 2, "cuda", True, heads) for n, window in PIECES]
    assert {max(piece.num_blocks for piece in plan) > 1 for plan in plans} == {True, False}


def test_no_piece_grows_with_the_square_of_the_input() -> None:
    for tokens in (3000, 30_000, 300_000):
        for half_window in (50, 5000):
            pieces = planned_pieces(tokens, half_window, "cuda", True, 1)
            largest = max(piece.num_queries * piece.num_keys for piece in pieces)
            assert largest <= ELSEWHERE.most_queries * (ELSEWHERE.most_queries + 2 * half_window)


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize(("tokens", "window"), [(320, 64), (700, 64), (1100, 512)])
@pytest.mark.parametrize("cost", ["as it is", "nothing"])
def test_cut_as_on_a_gpu_attention_is_what_it_is(
    tokens: int,
    window: int,
    samples: int,
    padding: bool,
    cost: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second cost makes blocks of a GPU's width also of inputs that are short enough here."""
    heads = 3 if cost == "as it is" else 60_000_000
    suits = costs_of("cuda")
    monkeypatch.setattr(blocked, "costs_of", lambda device: suits)
    plan = planned_pieces
    monkeypatch.setattr(
        blocked,
        "planned_pieces",
        lambda n, h, device, training, _: plan(n, h, device, training, heads),
    )
    inputs = draw_inputs((samples, 3, tokens, 16), torch.float64)
    lengths = torch.tensor([tokens, tokens // 3])[:samples, None]
    mask = torch.arange(tokens) < lengths if padding else None
    found = attend(inputs, window, mask, "local_blocked")
    expected = attend(inputs, window, mask, "local_masked")
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("window", [32, 100, 512, 1024, 2048])
def test_on_a_gpu_no_layer_but_the_first_makes_a_band(window: int, is_training: bool) -> None:
    query = torch.empty(0, device="meta")  # of a device that is no CPU
    for tokens in (615, 2000, 2049, 2600, 3000, 3200, 4500, 6000, 30_000, 65_000):
        pieces = planned_pieces(tokens, window // 2, "cuda", is_training, HEADS)
        with bands_apart():
            first, second = (
                [band_of(piece, window // 2, query) for piece in pieces] for _ in range(2)
            )
        assert all(map(operator.is_, first, second))
