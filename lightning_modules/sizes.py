"""The named sizes of models: base as published, smaller ones for CPUs and tests."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EncoderSize:
    """Depth and width of a text or speech encoder; heads are 64 wide."""

    num_layers: int
    hidden_size: int
    num_heads: int
    widening: float = 4
    """Width of the feed-forward part over that of the model."""

    @property
    def fields(self) -> dict[str, Any]:
        """The same as fields of a transformers configuration."""
        return {
            "num_hidden_layers": self.num_layers,
            "hidden_size": self.hidden_size,
            "num_attention_heads": self.num_heads,
            "intermediate_size": int(self.widening * self.hidden_size),
        }


ENCODER_SIZES = {
    "base": EncoderSize(12, 768, 12),
    "small": EncoderSize(4, 512, 8),
    "wide": EncoderSize(2, 768, 12),
    "tiny": EncoderSize(2, 128, 2),
}

# Gated, so that its feed-forward part has three products instead of two. Every third layer sees all
# tokens, the first of three: fewer than three layers would have too many that do.
MODERNBERT_SIZES = {
    "base": EncoderSize(22, 768, 12, 1.5),
    "small": EncoderSize(6, 512, 8, 1.5),
    "wide": EncoderSize(3, 768, 12, 1.5),
    "tiny": EncoderSize(3, 128, 2, 1.5),
}


# base: the published configuration; wide: its widths with fewer layers, for CPUs: what all layers
# share moves no tipping point, so their number hardly does; small and tiny: narrower as well.
SIZES = ("base", "wide", "small", "tiny")


CONV_WIDTHS = {"base": 512, "small": 512, "wide": 512, "tiny": 64}


NUM_CONV_LAYERS = 7

# Parakeet, base: Fast Conformer Large as published, of HuBERT's size; the others are to it what the
# smaller HuBERTs are to theirs. Heads are 64 wide.
PARAKEET_SIZES: dict[str, dict[str, Any]] = {
    name: {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": width // 64,
        "intermediate_size": 4 * width,
        "subsampling_conv_channels": channels,
    }
    for name, (layers, width, channels) in {
        "base": (17, 512, 256),
        "small": (6, 320, 256),
        "wide": (3, 512, 256),
        "tiny": (2, 128, 32),
    }.items()
}

# Whisper, base: what is published as its small one, with HuBERT's depth and widths; the smaller
# ones have those of the smaller HuBERTs.
WHISPER_SIZES: dict[str, dict[str, Any]] = {
    name: {
        "encoder_layers": size.num_layers,
        "d_model": size.hidden_size,
        "encoder_attention_heads": size.num_heads,
        "encoder_ffn_dim": int(size.widening * size.hidden_size),
        "num_mel_bins": 80,
    }
    for name, size in ENCODER_SIZES.items()
}
