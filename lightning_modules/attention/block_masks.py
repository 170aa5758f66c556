"""Which blocks of keys FlexAttention looks at, and which of those it need not look at closely."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask

from lightning_modules.attention.once_per_mask import once_per_mask
from lightning_modules.cuda_graphs import Kept

# Tokens on each side of a block of the mask. Elsewhere than on a CPU FlexAttention's own default.
BLOCK = {"cpu": 32}
BLOCK_ELSEWHERE = 128

# By length, half a window and device.
_OF_BANDS = Kept()


def block_mask(
    tokens: int, half_window: int, key_padding_mask: Tensor | None, device: torch.device
) -> BlockMask:
    """Return the mask of a band, without keys of padding; padding sees itself, or would be 0/0.

    It is made once for a length and, with padding, once for all layers that are given the mask.

    Args:
        tokens: N of each sequence.
        half_window: Tokens that a query sees on each side of it.
        key_padding_mask: (batch, N) bool, True = real token; None = all are real.
        device: Where the mask is used.
    """
    if key_padding_mask is None:
        return _of_band(tokens, half_window, device)
    mask: BlockMask = _of_padded(key_padding_mask, half_window)
    return mask


def _of_band(tokens: int, half_window: int, device: torch.device) -> BlockMask:
    place = (tokens, half_window, device)
    mask: BlockMask | None = _OF_BANDS.find(place)
    if mask is None:
        mask = _make_band(tokens, half_window, device)
        _OF_BANDS.keep(place, mask)
    return mask


def _make_band(tokens: int, half_window: int, device: torch.device) -> BlockMask:
    def in_band(batch: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (q - k).abs() <= half_window

    with torch.inference_mode(False):  # or it could not be used in training later
        touched, whole = _blocks_of_band(tokens, half_window, device)
        return _listed(touched & ~whole, whole, tokens, in_band)


@once_per_mask
def _of_padded(key_padding_mask: Tensor, half_window: int) -> BlockMask:
    tokens, device = key_padding_mask.shape[1], key_padding_mask.device
    touched, whole = _blocks_of_band(tokens, half_window, device)
    real = key_padding_mask.detach()  # the mask itself would be held for ever

    def in_band_and_real(batch: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return ((q - k).abs() <= half_window) & (real[batch, k] | (q == k))

    block = touched.shape[0]
    size = BLOCK.get(device.type, BLOCK_ELSEWHERE)
    by_block = functional.pad(real, (0, block * size - tokens)).unflatten(1, (block, size))
    has_some, has_all = by_block.any(2)[:, None], by_block.all(2)[:, None]
    itself = torch.eye(block, dtype=torch.bool, device=device)
    whole = whole & has_all
    return _listed(touched & (has_some | itself) & ~whole, whole, tokens, in_band_and_real)


def _blocks_of_band(tokens: int, half_window: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Tell which blocks the band touches, and in which it leaves nothing out.

    Returns:
        Two of (blocks of queries, blocks of keys) bool; never more than (tokens / block)^2 numbers.
    """
    size = BLOCK.get(device.type, BLOCK_ELSEWHERE)
    begins = torch.arange(0, tokens, size, device=device)
    apart = (begins[:, None] - begins).abs()
    touched = apart - (size - 1) <= half_window
    fills = begins + size <= tokens  # the last one may reach beyond the end
    whole = (apart + (size - 1) <= half_window) & fills & fills[:, None]
    return touched, whole


def _listed(part: Tensor, whole: Tensor, tokens: int, rule: Any) -> BlockMask:
    """Return what FlexAttention takes, of (..., blocks, blocks) bool.

    Args:
        part: Blocks in which `rule` decides.
        whole: Blocks in which every query sees every key.
        tokens: N of each sequence.
        rule: Tells of a pair whether it counts.
    """
    mask: BlockMask = BlockMask.from_kv_blocks(
        *_in_order(part),
        *_in_order(whole),
        BLOCK_SIZE=BLOCK.get(part.device.type, BLOCK_ELSEWHERE),
        mask_mod=rule,
        seq_lengths=(tokens, tokens),
    )
    return mask


def _in_order(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Count the blocks of each row, and list them; after those come the others, which nobody reads.

    Returns:
        (batch, 1, rows) and (batch, 1, rows, columns) int32.
    """
    blocks = blocks.reshape(-1, 1, *blocks.shape[-2:])
    indices = blocks.int().argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1, dtype=torch.int32), indices.to(torch.int32)
