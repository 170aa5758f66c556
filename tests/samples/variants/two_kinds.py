"""Small encoders whose layers are of two kinds: sliding ones and ones that see all tokens."""

from typing import Any

import torch
from transformers import (
    EmbeddingGemma2TextConfig,
    EmbeddingGemma2TextModel,
    Gemma3TextConfig,
    Gemma3TextModel,
    ModernBertConfig,
    ModernBertModel,
    NeoMMEConfig,
    NeoMMEModel,
    UltrabertConfig,
    UltrabertModel,
)

WINDOW = 12
SIZES: dict[str, Any] = {
    "hidden_size": 48,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "num_hidden_layers": 4,
    "vocab_size": 60,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED: dict[str, Any] = SIZES | {"head_dim": 16, "num_key_value_heads": 1}
KINDS = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]


def modernbert(**more: Any) -> Any:
    """Half a window is what its mask has: its layers say one more, its configuration twice it."""
    ids = {"cls_token_id": 1, "sep_token_id": 2}
    return ModernBertModel(ModernBertConfig(local_attention=WINDOW, **(SIZES | ids | more)))


def ultrabert() -> Any:
    """Three heads of queries share one of keys."""
    return UltrabertModel(UltrabertConfig(sliding_window=6, layer_types=KINDS, **GROUPED))


def neomme() -> Any:
    """Its windows stand in configurations of its layers, and are of two sizes."""
    return NeoMMEModel(NeoMMEConfig(sliding_window=6, **GROUPED))


def gemma3() -> Any:
    """Its masks are causal ones joined with others; so is EmbeddingGemma's."""
    config = Gemma3TextConfig(
        sliding_window=WINDOW, use_bidirectional_attention=True, layer_types=KINDS, **GROUPED
    )
    return Gemma3TextModel(config)


def embedding_gemma2() -> Any:
    """Its scores are scaled by one."""
    return EmbeddingGemma2TextModel(
        EmbeddingGemma2TextConfig(sliding_window=6, layer_types=KINDS, **GROUPED)
    )


ENCODERS = {
    "modernbert": (modernbert, [None, 12, 12, None]),
    "ultrabert": (ultrabert, [None, 12, 12, None]),
    "neomme": (neomme, [12, 2048, 12, None]),
    "gemma3": (gemma3, [None, 12, 12, None]),
    "embedding_gemma2": (embedding_gemma2, [None, 12, 12, None]),
}


def build_encoder(name: str) -> Any:
    """Build one with weights so large that it matters what its tokens see."""
    torch.manual_seed(0)
    model = ENCODERS[name][0]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    return model.eval()
