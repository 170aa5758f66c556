"""How samples of different lengths become one tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor


def pad_stack(rows: Sequence[Tensor], length: int, value: float) -> Tensor:
    """Stack rows of different lengths into one tensor.

    Args:
        rows: Each (n_i,), all of one dtype, at least one of them.
        length: Of every row of the result, at least that of the longest row.
        value: Fills a row up behind its end.

    Returns:
        (batch, length), of the rows' dtype.
    """
    stacked = rows[0].new_full((len(rows), length), value)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked


def attention_mask(rows: Sequence[Tensor], length: int) -> dict[str, Tensor]:
    """Tell what `pad_stack` filled up.

    Args:
        rows: Each (n_i,), before they were padded.
        length: To which they were padded.

    Returns:
        `attention_mask` (batch, length) int64, 1 where a row is real and 0 behind its end; an empty
        dict when nothing is padded.
    """
    real = torch.tensor([len(row) for row in rows])
    if bool((real == length).all()):
        return {}
    return {"attention_mask": (torch.arange(length) < real[:, None]).long()}
