"""What FlexAttention is told of blocks, against torch's own way to find them."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from lightning_modules.attention import bands, block_masks
from lightning_modules.attention.bands import band_of
from lightning_modules.attention.block_masks import BLOCK, block_mask
from lightning_modules.attention.pieces import Piece

CPU = torch.device("cpu")
CASES = [(1, 1), (70, 10), (96, 40), (97, 31), (300, 70), (300, 8), (320, 320)]


def padding_of(tokens: int) -> torch.Tensor:
    return torch.arange(tokens) < torch.tensor([tokens, tokens // 3, 0])[:, None]


def dense(counts: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    blocks = torch.zeros(indices.shape, dtype=torch.bool)
    for place in torch.cartesian_prod(*(torch.arange(size) for size in counts.shape)).tolist():
        blocks[tuple(place)][indices[tuple(place)][: counts[tuple(place)]].long()] = True
    return blocks


def parts_of(mask: BlockMask) -> tuple[torch.Tensor, torch.Tensor]:
    assert mask.full_kv_num_blocks is not None
    assert mask.full_kv_indices is not None
    part = dense(mask.kv_num_blocks, mask.kv_indices)
    return part, dense(mask.full_kv_num_blocks, mask.full_kv_indices)


@pytest.mark.parametrize(("tokens", "half_window"), CASES)
@pytest.mark.parametrize("padded", [False, True])
def test_blocks_are_those_that_torch_finds_by_looking_at_every_pair(
    tokens: int, half_window: int, padded: bool
) -> None:
    real = padding_of(tokens) if padded else None

    def rule(batch, head, q, k):
        near = (q - k).abs() <= half_window
        return near if real is None else near & (real[batch, k] | (q == k))

    batch = 3 if padded else None
    expected = create_block_mask(rule, batch, None, tokens, tokens, "cpu", BLOCK["cpu"])
    found = block_mask(tokens, half_window, real, CPU)
    (part, whole), (needed, filled) = parts_of(found), parts_of(expected)
    assert torch.equal(whole, filled)
    assert not bool((needed & ~part).any())
    # Where a sample ends inside a block its real keys may be out of reach of some that touch it.
    assert (part & ~needed).sum(-1).amax() <= (1 if padded else 0)


def test_most_blocks_of_a_wide_band_need_no_look_at_their_pairs() -> None:
    part, whole = parts_of(block_mask(2048, 512, None, CPU))
    assert whole.sum() > 5 * part.sum()


def test_layers_of_one_batch_share_a_mask_and_other_batches_have_their_own() -> None:
    real = padding_of(70)
    first = block_mask(70, 10, real, CPU)
    assert block_mask(70, 10, real, CPU) is first
    assert block_mask(70, 12, real, CPU) is not first  # a layer with another window
    assert block_mask(70, 10, padding_of(70), CPU) is not first


def test_a_mask_that_was_changed_is_looked_at_again() -> None:
    real = torch.ones(1, 70, dtype=torch.bool)
    _, before = parts_of(block_mask(70, 200, real, CPU))
    real[:, 40:] = False
    _, after = parts_of(block_mask(70, 200, real, CPU))
    assert before.sum() == 4
    assert after.sum() == 2


@pytest.mark.parametrize("in_inference", [False, True])
def test_what_was_found_goes_with_its_mask(in_inference: bool) -> None:
    with torch.inference_mode(in_inference):
        real = padding_of(70)
        found = weakref.ref(block_mask(70, 10, real, CPU))
    del real
    gc.collect()
    assert found() is None
    assert block_masks.block_mask(70, 10, padding_of(70), CPU) is not None


Record = Callable[[bool], None]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Let what is computed count as recorded for a CUDA graph, or no longer."""

    def turn(is_on: bool) -> None:
        for name in ("is_available", "is_current_stream_capturing"):
            monkeypatch.setattr(torch.cuda, name, lambda: is_on)

    return turn


def test_a_recording_looks_at_a_mask_whatever_was_found_in_it_before(record: Record) -> None:
    real = padding_of(70)
    before = block_mask(70, 10, real, CPU)
    record(True)
    assert block_mask(70, 10, real, CPU) is not before
    record(False)
    assert block_mask(70, 10, real, CPU) is before


@pytest.mark.parametrize(
    "make",
    [
        lambda tokens: block_mask(tokens, 10, None, CPU),
        lambda tokens: band_of(Piece(0, tokens, 0, tokens), 10, torch.empty(0)),
    ],
)
def test_what_a_recording_reads_is_never_given_up_and_what_it_makes_is_its_own(
    make: Callable[[int], Any], record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = make(70)
    record(True)
    assert make(70) is read
    made = make(71)
    record(False)
    assert make(71) is not made
    for cache in (bands._BANDS, block_masks._OF_BANDS):
        monkeypatch.setattr(cache, "most_bytes", 1)  # more follow than are kept
    for tokens in range(72, 75):
        make(tokens)
    assert make(70) is read
    assert make(71) is not made
