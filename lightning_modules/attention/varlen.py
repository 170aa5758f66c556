"""Local attention through torch's flash attention with a window: padding is never computed."""

import inspect
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.attention.once_per_mask import once_per_mask
from lightning_modules.attention.packing import Packing
from lightning_modules.errors import ModelError

MIN_CAPABILITY = (8, 0)  # of the device, for flash attention


@lru_cache
def why_not_varlen(device: torch.device) -> str | None:
    """Say why variable-length attention cannot run on this CUDA device, None when it can."""
    if torch.cuda.get_device_capability(device) < MIN_CAPABILITY:
        return "it needs a device of compute capability 8.0 or more"
    return None if _takes_windows() else "this torch has no variable-length attention with windows"


def _takes_windows() -> bool:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return False
    return "window_size" in inspect.signature(varlen_attn).parameters


def varlen_local_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention`: a batch without padding at once, else its real tokens in one row.

    Args:
        query: (batch, heads, tokens, head_dim).
        key: The same shape.
        value: The same shape.
        half_window: Tokens that a query sees on each side of it.
        key_padding_mask: (batch, tokens) bool, True = real token; None = all are real.
        dropout_p: Zero; anything else has been refused.

    Returns:
        (batch, heads, tokens, head_dim), zero in the rows of padded queries.

    Raises:
        ModelError: The real tokens of a sequence are not in one piece: those on the two sides of a
            gap would move next to each other.
    """
    del dropout_p  # all but zero has been refused
    rows = [x.transpose(1, 2) for x in (query, key, value)]
    if key_padding_mask is None:
        return _flash(rows, half_window).transpose(1, 2)
    packing, ends = _packed(key_padding_mask)
    if not len(packing.places):
        # All three are in the graph, so that gradients are zero and not missing, whatever is there.
        return (query + key + value).masked_fill(~key_padding_mask[:, None, :, None], 0.0)
    return packing.unpack(_flash_of_rows(packing, ends, rows, half_window)).transpose(1, 2)


def _flash(rows: list[Tensor], half_window: int) -> Tensor:
    """Call flash attention once for samples of one length, (batch, tokens, heads, head_dim)."""
    tokens = rows[0].shape[1]
    # It asks that numbers of a head lie next to each other, and nothing else of the layout.
    q, k, v = (x if x.stride(-1) == 1 else x.contiguous() for x in rows)
    window: dict[str, Any] = {"window_size_left": half_window, "window_size_right": half_window}
    kernel = torch.ops.aten._flash_attention_forward
    output: Tensor = kernel(q, k, v, None, None, tokens, tokens, 0.0, False, False, **window)[0]
    return output


def _flash_of_rows(packing: Packing, ends: Tensor, rows: list[Tensor], half_window: int) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (packing.pack(x) for x in rows)
    longest, window = packing.tokens, (half_window, half_window)
    output = varlen_attn(q, k, v, ends, ends, longest, longest, window_size=window)
    assert isinstance(output, Tensor)
    return output


@once_per_mask
def _packed(key_padding_mask: Tensor) -> tuple[Packing, Tensor]:
    """Find the real tokens, and where each sample ends among them: (batch + 1,) int32 from 0."""
    _validate_pieces(key_padding_mask)
    packing = Packing.of(key_padding_mask)
    ends = functional.pad(packing.lengths.cumsum(0), (1, 0)).to(torch.int32)
    return packing, ends


def _validate_pieces(key_padding_mask: Tensor) -> None:
    begins = key_padding_mask[:, 1:] & ~key_padding_mask[:, :-1]
    pieces = begins.sum(1) + key_padding_mask[:, 0]
    if bool((pieces > 1).any()):
        raise ModelError(
            "`key_padding_mask` must have the real tokens of a sample in one piece for "
            "local_varlen, got padding between them"
        )
