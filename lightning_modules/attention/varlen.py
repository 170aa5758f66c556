"""Local attention through torch's variable-length flash attention: padding is never computed."""

import inspect

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.attention.packing import Packing
from lightning_modules.errors import ModelError

MIN_CAPABILITY = (8, 0)  # of the device, for flash attention


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
    """Compute `local_attention` on the real tokens of the whole batch in one row.

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
    from torch.nn.attention.varlen import varlen_attn

    del dropout_p  # all but zero has been refused
    batch, heads, tokens, head_dim = query.shape
    q, k, v = (x.transpose(1, 2) for x in (query, key, value))
    packing = None
    if key_padding_mask is None:
        lengths = torch.full((batch,), tokens, device=query.device)
        q, k, v = (x.reshape(batch * tokens, heads, head_dim) for x in (q, k, v))
    else:
        _validate_pieces(key_padding_mask)
        packing = Packing.of(key_padding_mask)
        lengths = packing.lengths
        if not len(packing.places):
            return query * 0.0  # in the graph, so that gradients are zero and not missing
        q, k, v = (packing.pack(x) for x in (q, k, v))
    ends = functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    window = (half_window, half_window)
    output = varlen_attn(q, k, v, ends, ends, tokens, tokens, window_size=window)
    assert isinstance(output, Tensor)
    padded = packing.unpack(output) if packing else output.view(batch, tokens, heads, head_dim)
    return padded.transpose(1, 2)


def _validate_pieces(key_padding_mask: Tensor) -> None:
    begins = key_padding_mask[:, 1:] & ~key_padding_mask[:, :-1]
    pieces = begins.sum(1) + key_padding_mask[:, 0]
    if bool((pieces > 1).any()):
        raise ModelError(
            "`key_padding_mask` must have the real tokens of a sample in one piece for "
            "local_varlen, got padding between them"
        )
