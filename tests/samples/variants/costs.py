"""Points to count, and what their models compute by the formulas of their papers."""

import math
from dataclasses import dataclass, replace

from lightning_modules.sizes import (
    CONV_WIDTHS,
    ENCODER_SIZES,
    MODERNBERT_SIZES,
    PARAKEET_SIZES,
)
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import CONDITIONS

CLASSES = 97
LENGTHS = {"text": 150, "speech": 70, "vision": 96}
SIZE = ENCODER_SIZES["tiny"]
HIDDEN_OF_BIAS = 512  # of the network that gives Swin version 2 its bias of positions
WIDTH, LAYERS, HEADS = SIZE.hidden_size, SIZE.num_layers, SIZE.num_heads


def point_of(
    modality: str,
    variant: str,
    implementation: str,
    phase: str = "inference",
    length: int | None = None,
    attention_window: int | None = None,
    **conditions: str,
) -> Point:
    """Return a point at batch size 1, by default at a length that is no multiple of anything."""
    length = length or LENGTHS[modality]
    return Point(
        modality=modality,
        variant=variant,
        implementation=implementation,
        attention_window=attention_window,
        checkpoint=None,
        phase=phase,
        length=length,
        max_length=length,
        batch_source="synthetic",
        fingerprint="",
        num_classes=CLASSES,
        conditions=replace(CONDITIONS, **conditions),  # type: ignore[arg-type]
        effort=Effort(1, 1, 0.0),
        metrics=("latency",),
    )


def layers_flops(tokens: int) -> dict[str, float]:
    """Return what all layers take beside attention itself: four projections, and two of 4 times."""
    return {
        "attention_projection": LAYERS * 4 * 2 * tokens * WIDTH**2,
        "feed_forward": LAYERS * 2 * 2 * tokens * WIDTH * 4 * WIDTH,
    }


def parakeet_flops(frames: int) -> tuple[dict[str, float], float, float]:
    """Return what Parakeet with a linear head takes, forward, by component.

    Its subsampling halves time and bands three times, and its bias is a product of every query with
    the position of every distance, of which there are nearly two per key.

    Returns:
        All of it; what the mel bands take of the first, and the positions' projections of the
        second.
    """
    size = PARAKEET_SIZES["tiny"]
    layers, width = size["num_hidden_layers"], size["hidden_size"]
    channels, positions, bands = size["subsampling_conv_channels"], 2 * frames, 80
    # Real Fourier transforms of 512 samples, one more than there are positions, then the bands.
    mel = (positions + 1) * 2.5 * 512 * math.log2(512) + 2 * positions * (512 // 2 + 1) * bands
    front = mel
    for number in range(3):
        positions, bands = -(-positions // 2), -(-bands // 2)
        front += 2 * positions * bands * channels * 9
        front += 2 * positions * bands * channels**2 if number else 0
    tokens, distances = positions, 2 * positions - 1
    front += 2 * tokens * channels * bands * width
    convolutions = 2 * tokens * width * (2 * width + 9 + width)
    far = layers * 2 * distances * width**2
    forward = {
        "feature_encoder": front,
        "attention_projection": layers * 8 * tokens * width**2 + far,
        "attention_core": layers * 2 * tokens * (2 * tokens + distances) * width,
        "feed_forward": layers * (2 * 16 * tokens * width**2 + convolutions),
        "head": 2 * tokens * width * CLASSES,
    }
    return forward, mel, far


def whisper_flops(frames: int) -> tuple[dict[str, float], float]:
    """Return what Whisper with a linear head takes, forward, by component, and of it the mel bands.

    All of it but the head computes on 30 seconds: 3,000 positions of 80 bands, then 1,500.
    """
    # Real Fourier transforms of 400 samples, one more than there are positions, then the bands.
    mel = 3001 * 2.5 * 400 * math.log2(400) + 2 * 3000 * (400 // 2 + 1) * 80
    convolutions = 2 * 3000 * WIDTH * 80 * 3 + 2 * 1500 * WIDTH**2 * 3
    forward = layers_flops(1500) | {
        "feature_encoder": mel + convolutions,
        "attention_core": LAYERS * 4 * 1500**2 * WIDTH,
        "head": 2 * frames * WIDTH * CLASSES,
    }
    return forward, mel


def text_flops(tokens: int, padded: int, core: float) -> dict[str, float]:
    """Return what a masked language model takes, forward, by component.

    Args:
        tokens: That the head predicts.
        padded: That the layers compute on.
        core: What the attention of one layer takes.
    """
    head = 2 * tokens * WIDTH * (WIDTH + CLASSES)
    return layers_flops(padded) | {"attention_core": LAYERS * core, "head": head}


def modernbert_flops(tokens: int, full: float, sliding: float, num_full: int) -> dict[str, float]:
    """Return what ModernBERT takes, forward, by component; its feed-forward part is gated.

    Args:
        tokens: That it computes on.
        full: What the attention of a layer takes that sees all tokens.
        sliding: What that of another layer takes.
        num_full: Layers that see all tokens.
    """
    size = MODERNBERT_SIZES["tiny"]
    layers, width = size.num_layers, size.hidden_size
    inner = 3 * width // 2
    return {
        "attention_projection": layers * 4 * 2 * tokens * width**2,
        "attention_core": num_full * full + (layers - num_full) * sliding,
        "feed_forward": layers * 3 * 2 * tokens * width * inner,
        "head": 2 * tokens * width * (width + CLASSES),
    }


def fnet_flops(tokens: int) -> dict[str, float]:
    """Return what FNet takes, forward, by component: a transform, and one projection in front.

    The transform is that of complex numbers, along tokens and width, by FFTW's convention.
    """
    numbers = tokens * WIDTH
    transform = 5 * numbers * (math.log2(tokens) + math.log2(WIDTH))
    flops = text_flops(tokens, tokens, transform) | {"embedding": 2 * tokens * WIDTH**2}
    del flops["attention_projection"]
    return flops


def speech_flops(frames: int, samples: int, core: float) -> dict[str, float]:
    """Return what HuBERT with a linear head takes, forward, by component.

    Behind the first convolution the others compute on filled up lengths: those of the next number
    of frames that is a multiple of an eighth of the power of two below.
    """
    width, filled = CONV_WIDTHS["tiny"], frames
    while filled % max(1, 2 ** (int(math.log2(frames)) - 3)):
        filled += 1
    encoder, length = 0.0, filled
    for kernel in (2, 2, 3, 3, 3, 3):  # each has a stride of 2; the last one first
        encoder += 2 * length * width**2 * kernel
        length = 2 * (length - 1) + kernel
    assert (samples - 400) // 320 + 1 == frames
    encoder += 2 * ((samples - 10) // 5 + 1) * width * 10
    # Positions: groups of 16 channels, a kernel of 128 frames, one output more than frames.
    positions = 2 * (frames + 1) * WIDTH * 16 * 128
    return layers_flops(frames) | {
        "feature_encoder": encoder,
        "embedding": 2 * frames * width * WIDTH + positions,
        "attention_core": LAYERS * core,
        "head": 2 * frames * WIDTH * CLASSES,
    }


@dataclass(frozen=True)
class SwinFlops:
    """What a Swin of size tiny takes, forward.

    Args:
        parts: Of its layers, by component.
        merging: Of halving its maps.
        first: Of its patches, whose pixels need no gradient.
        of_tables: Of the layers whose input, a table of positions, needs none either.
        dense: Of the core if all pairs of a map met.
    """

    parts: dict[str, float]
    merging: float
    first: float
    of_tables: float
    dense: float

    @property
    def without_gradient(self) -> float:
        """What the way back leaves out."""
        return self.first + self.of_tables


def swin_flops(side: int, window: int, hidden_of_bias: int = 0) -> SwinFlops:
    """Return what it takes at `side` patches of the first map, two layers in each of four stages.

    Args:
        side: Of the first feature map, in patches.
        window: Patches per side.
        hidden_of_bias: Width of the network from two distances to a bias for every head; 0 = none.
    """
    parts = {"attention_projection": 0.0, "attention_core": 0.0, "feed_forward": 0.0}
    dense = merging = of_tables = 0.0
    distances = (2 * window - 1) ** 2
    for stage in range(4):
        here, width, heads = side // 2**stage, 32 * 2**stage, 2**stage
        padded = (-(-here // window) * window) ** 2
        parts["attention_projection"] += 2 * 8 * padded * width**2
        parts["attention_core"] += 2 * 4 * padded * window**2 * width
        parts["attention_core"] += 2 * 2 * distances * hidden_of_bias * (2 + heads)
        parts["feed_forward"] += 2 * 16 * here**2 * width**2
        of_tables += 2 * 2 * distances * hidden_of_bias * 2
        dense += 2 * 4 * here**4 * width
        if stage < 3:
            merging += 2 * (here // 2) ** 2 * 4 * width * 2 * width
    return SwinFlops(parts, merging, 2 * side**2 * 32 * 3 * 4**2, of_tables, dense)
