"""Local attention through torch's FlexAttention: compiled for the band and for every length."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

# Tokens on each side of a block of the mask. Elsewhere than on a CPU FlexAttention's own default.
BLOCK = {"cpu": 32}
BLOCK_ELSEWHERE = 128
VECTOR_BITS = {"AVX2": 256, "AVX512": 512}


def flex_local_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` with a block mask that is cached per length.

    Args:
        query: (batch, heads, tokens, head_dim).
        key: The same shape.
        value: The same shape.
        half_window: Tokens that a query sees on each side of it.
        key_padding_mask: (batch, tokens) bool, True = real token; None = all are real.
        dropout_p: Zero; anything else has been refused.

    Returns:
        (batch, heads, tokens, head_dim), zero in the rows of padded queries.
    """
    del dropout_p  # all but zero has been refused
    mask = _block_mask(query.shape[2], half_window, query.device)
    if key_padding_mask is not None:
        mask = _with_padding(mask, half_window, key_padding_mask)
    compiled = _compiled(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())
    # Torch gives a function up after some recompilations and runs it uncompiled, which builds the
    # whole tokens x tokens matrix: every length is worth a compilation here.
    with torch._dynamo.config.patch(recompile_limit=2**20, accumulated_recompile_limit=2**20):
        output: Tensor = compiled(query, key, value, block_mask=mask)
    if key_padding_mask is None:
        return output
    return output.masked_fill(~key_padding_mask[:, None, :, None], 0.0)


@lru_cache
def _compiled(num_threads: int, instruction_set: str) -> Any:
    """Compile for what the code of a CPU is made for: its threads and its vector instructions.

    Torch's cache on disk tells compiled code by its options, not by the number of threads or the
    instructions it was compiled for, which are none unless given. A process with more threads than
    the one that filled the cache would write beyond its buffers
    (github.com/pytorch/pytorch/issues/153145); one with other instructions crashes as well.

    Args:
        num_threads: Of this process.
        instruction_set: What torch's own kernels use here, such as AVX2 or AVX512.
    """
    bits = VECTOR_BITS.get(instruction_set)  # null lets torch find out
    options: dict[str, Any] = {"cpp.threads": num_threads, "cpp.simdlen": bits}
    return torch.compile(flex_attention, dynamic=False, fullgraph=True, options=options)


@lru_cache(maxsize=256)
def _block_mask(tokens: int, half_window: int, device: torch.device) -> BlockMask:
    """List the blocks that the band touches; never more than (tokens / block)^2 numbers."""
    block = BLOCK.get(device.type, BLOCK_ELSEWHERE)
    with torch.inference_mode(False):  # or it could not be used in training later
        return _band_of_blocks(tokens, half_window, block, device)


def _band_of_blocks(tokens: int, half_window: int, block: int, device: torch.device) -> BlockMask:
    num_blocks = -(-tokens // block)
    begins = torch.arange(num_blocks, device=device) * block
    first = (begins - half_window).clamp(min=0) // block
    last = (begins + block - 1 + half_window).clamp(max=tokens - 1) // block
    counts = (last - first + 1).to(torch.int32)
    # Of each row only the first `counts` entries are read; all must name a block.
    columns = torch.arange(num_blocks, device=device)
    indices = (first[:, None] + columns).clamp(max=num_blocks - 1).to(torch.int32)

    def in_band(batch: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (q - k).abs() <= half_window

    mask: BlockMask = BlockMask.from_kv_blocks(
        counts[None, None],
        indices[None, None],
        BLOCK_SIZE=block,
        mask_mod=in_band,
        seq_lengths=(tokens, tokens),
    )
    return mask


def _with_padding(mask: BlockMask, half_window: int, key_padding_mask: Tensor) -> BlockMask:
    """Return the same blocks without keys of padding; padding sees itself, or would be 0/0."""

    def in_band_and_real(batch: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return ((q - k).abs() <= half_window) & (key_padding_mask[batch, k] | (q == k))

    padded: BlockMask = BlockMask.from_kv_blocks(
        mask.kv_num_blocks,
        mask.kv_indices,
        BLOCK_SIZE=mask.BLOCK_SIZE,
        mask_mod=in_band_and_real,
        seq_lengths=mask.seq_lengths,
    )
    return padded
