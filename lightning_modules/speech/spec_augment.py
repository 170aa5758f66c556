"""SpecAugment of features that a frozen model gives: warped in time, bands of zeros both ways.

Source: SpecAugment, Park et al. 2019; sizes as in SUPERB's speech recognition.
"""

import torch
from torch import Tensor
from torch.nn import functional

WARP_FRAMES = 5
NUM_TIME_MASKS, LONGEST_TIME_MASK = 2, 40
NUM_CHANNEL_MASKS, WIDEST_CHANNEL_MASK = 4, 50


def augment_features(features: Tensor, lengths: Tensor) -> Tensor:
    """Augment every utterance by itself, drawing from torch's own generator.

    Args:
        features: (batch, frames, size).
        lengths: (batch,) frames that are no padding; nothing else is changed.

    Returns:
        A new tensor of the same shape.
    """
    augmented = []
    for row, length in zip(features, lengths.tolist(), strict=True):
        real = _mask_bands(_warp(row[:length]), NUM_TIME_MASKS, LONGEST_TIME_MASK)
        real = _mask_bands(real.T, NUM_CHANNEL_MASKS, WIDEST_CHANNEL_MASK).T
        augmented.append(torch.cat((real, row[length:])))
    return torch.stack(augmented)


def _draw(low: int, high: int) -> int:
    """Draw a number from `low` to `high`, both included."""
    return int(torch.randint(low, high + 1, ()))


def _warp(frames: Tensor) -> Tensor:
    """Move a frame by up to `WARP_FRAMES` and stretch what is before and after it."""
    num_frames = len(frames)
    if num_frames <= 2 * WARP_FRAMES + 2:
        return frames
    place = _draw(WARP_FRAMES + 1, num_frames - WARP_FRAMES - 1)
    moved = place + _draw(-WARP_FRAMES, WARP_FRAMES)
    parts = ((frames[:place], moved), (frames[place:], num_frames - moved))
    stretched = [
        functional.interpolate(part.T[None], size, mode="linear", align_corners=True)[0].T
        for part, size in parts
    ]
    return torch.cat(stretched)


def _mask_bands(rows: Tensor, num_masks: int, widest: int) -> Tensor:
    """Set bands of rows to zero; each has any width up to `widest`."""
    is_masked = torch.zeros(len(rows), dtype=torch.bool)
    for _ in range(num_masks):
        width = _draw(0, min(widest, len(rows)))
        first = _draw(0, len(rows) - width)
        is_masked[first : first + width] = True
    return rows.masked_fill(is_masked.to(rows.device)[:, None], 0.0)
