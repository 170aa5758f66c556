"""What computes attention in the benchmark of local attention, each on inputs laid out as it likes.

All take the projections of an encoder, (batch, tokens, heads * head_dim), and see the same band;
only the dense one sees everything.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_modules.attention import IMPLEMENTATIONS, local_attention
from lightning_modules.attention.executed import band_pairs

HEADS, HEAD_DIM = 12, 64
Projections = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Contender:
    """A way to compute attention.

    Args:
        prepare: From (1, tokens, heads * head_dim) to its own layout; not timed, since a model
            that uses it works in that layout or pads once for all layers.
        compute: What is timed.
    """

    prepare: Callable[[Tensor], Tensor]
    compute: Callable[[Tensor, Tensor, Tensor], Tensor]


def split_heads(tokens: Tensor) -> Tensor:
    """View (batch, tokens, heads * head_dim) as (batch, heads, tokens, head_dim)."""
    return _by_token(tokens).transpose(1, 2)


def contenders(tokens: int, window: int, dtype: torch.dtype, device: str) -> dict[str, Contender]:
    """Return all by name, whether or not they can run here."""
    found = {"dense sdpa": Contender(split_heads, functional.scaled_dot_product_attention)}
    for name in IMPLEMENTATIONS:
        compute = partial(local_attention, attention_window=window, implementation=name)
        found[name] = Contender(split_heads, compute)
    found["longformer"] = _longformer(tokens, window, dtype, device)
    if importlib.util.find_spec("local_attention"):
        found["local-attention"] = Contender(split_heads, _local_attention_package(window))
    if importlib.util.find_spec("flash_attn"):
        found["flash-attn"] = Contender(_by_token, _flash(window))
    return found


def _by_token(tokens: Tensor) -> Tensor:
    split: Tensor = tokens.unflatten(-1, (HEADS, HEAD_DIM))
    return split


def _flash(window: int) -> Callable[..., Tensor]:
    from flash_attn import flash_attn_func

    compute: Callable[..., Tensor] = partial(flash_attn_func, window_size=(window // 2,) * 2)
    return compute


def _local_attention_package(window: int) -> Callable[..., Tensor]:
    """Return lucidrains' kernel, told to see exactly the band and no padding of its own."""
    from local_attention import LocalAttention

    layer = LocalAttention(
        window_size=window // 2,
        exact_windowsize=True,
        look_backward=1,
        look_forward=1,
        causal=False,
        autopad=True,
        use_rotary_pos_emb=False,
    )

    def compute(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        real = torch.ones(query.shape[0], query.shape[2], dtype=torch.bool, device=query.device)
        output: Tensor = layer(query, key, value, mask=real)
        return output

    return compute


def _longformer(tokens: int, window: int, dtype: torch.dtype, device: str) -> Contender:
    """Return transformers' Longformer attention without its projections.

    It divides its query in place, so that it needs a copy of it, which is timed: in a model the
    projection is that copy. Of its time that is 1 or 2 %.
    """
    from transformers import LongformerConfig
    from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

    config = LongformerConfig(
        hidden_size=HEADS * HEAD_DIM,
        num_attention_heads=HEADS,
        attention_window=[window],
        attention_probs_dropout_prob=0.0,
    )
    layer = LongformerSelfAttention(config, 0).to(device, dtype).eval()
    padding = -tokens % window
    mask = torch.zeros(1, tokens + padding, dtype=dtype, device=device)
    mask[:, tokens:] = torch.finfo(dtype).min
    masks = {"attention_mask": mask, "is_index_masked": mask < 0, "is_index_global_attn": mask > 0}
    projections = {name: _Given() for name in ("query", "key", "value")}
    for name, projection in projections.items():
        setattr(layer, name, projection)

    def compute(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        projections["query"].output = query.clone()
        projections["key"].output, projections["value"].output = key, value
        output: Tensor = layer(query, **masks, is_global_attn=False)[0]
        return output[:, :tokens]

    return Contender(lambda x: functional.pad(x, (0, 0, 0, padding)), compute)


class _Given(nn.Module):
    """Stands in for a projection."""

    output: Any = None

    def forward(self, _: Tensor) -> Any:
        """Return what was given."""
        return self.output


def flops_in_band(tokens: int, window: int, phase: str) -> int:
    """Return the operations on the pairs inside the band; the backward has twice the forward's."""
    forward = 4 * band_pairs(tokens, window // 2) * HEADS * HEAD_DIM
    return forward if phase == "forward" else 3 * forward
