"""Local attention through torch's FlexAttention: compiled for the band and for every length."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import flex_attention

from lightning_modules.attention.block_masks import block_mask

VECTOR_BITS = {"AVX2": 256, "AVX512": 512}


def flex_local_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    half_window: int,
    key_padding_mask: Tensor | None,
    dropout_p: float,
) -> Tensor:
    """Compute `local_attention` with a block mask that is cached.

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
    query, key, value = _apart(query, key, value)
    mask = block_mask(query.shape[2], half_window, key_padding_mask, query.device)
    compiled = _compiled(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())
    # Torch gives a function up after some recompilations and runs it uncompiled, which builds the
    # whole tokens x tokens matrix: every length is worth a compilation here.
    with torch._dynamo.config.patch(recompile_limit=2**20, accumulated_recompile_limit=2**20):
        output: Tensor = compiled(query, key, value, block_mask=mask)
    if key_padding_mask is None:
        return output
    return output.masked_fill(~key_padding_mask[:, None, :, None], 0.0)


def _apart(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Copy a tensor that is given for two of them, which torch compiles for no CPU."""
    if query.device.type == "cpu":
        key = key.clone() if key is query else key
        value = value.clone() if value is query or value is key else value
    return query, key, value


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
