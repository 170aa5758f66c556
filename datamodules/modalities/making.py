"""Makers of synthetic data, a batch at a time: texts with topics, sounds of tones, stripes."""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Generator, Tensor

from datamodules.base import Batch
from datamodules.batching.masking import TokenMasking, mask_spans
from datamodules.geometry import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    SAMPLE_RATE_HZ,
    round_up_side,
    samples_for_frames,
)


class Maker(Protocol):
    """Makes batches; picklable, because loader processes get a copy."""

    def make(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make a batch at exactly this length of the modality's axis.

        Args:
            length: Tokens, frames, or pixels per side.
            batch_size: Samples in the batch.
            generator: Source of all chance.

        Returns:
            The tensors of the modality, as `datamodules.base.Batch` describes them.
        """


@dataclass(frozen=True)
class TopicTexts:
    """Makes sequences that each keep to the few tokens of one topic, some of them masked.

    Args:
        num_tokens: Tokens of the vocabulary: 0 is padding and the last one the mask.
        mask_fraction: Share of the tokens to predict.
    """

    max_topics: ClassVar[int] = 16
    tokens_per_topic: ClassVar[int] = 4

    num_tokens: int
    mask_fraction: float

    def make(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make `input_ids` and `labels`, both (batch_size, length) int64."""
        num_topics = min(self.max_topics, (self.num_tokens - 2) // self.tokens_per_topic)
        shape = (batch_size, length)
        topic = torch.randint(num_topics, (batch_size, 1), generator=generator)
        token = torch.randint(self.tokens_per_topic, shape, generator=generator)
        tokens = 1 + topic * self.tokens_per_topic + token
        mask_token_id = self.num_tokens - 1
        masking = TokenMasking(self.mask_fraction, mask_token_id, (1, mask_token_id))
        maskable = torch.ones(shape, dtype=torch.bool)
        input_ids, labels = masking.apply(tokens, maskable, generator)
        return {"input_ids": input_ids, "labels": labels}


@dataclass(frozen=True)
class Tones:
    """Makes sounds whose tone changes every 25 frames or so; the label of a frame is its tone.

    Masked spans are shorter than a tone lasts, so that the frames around them tell.

    Args:
        num_tones: Different tones.
    """

    mask_probability: ClassVar[float] = 0.5
    shortest_tone: ClassVar[int] = 20  # frames
    longest_tone: ClassVar[int] = 30

    num_tones: int

    def make(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make a batch of sounds.

        Returns:
            `input_values` (batch_size, audio samples) float32, `mask_time_indices`
            (batch_size, length) bool, `labels` (batch_size, length) int64.
        """
        labels = self._draw_tones(length, batch_size, generator)
        masks = [mask_spans(length, self.mask_probability, generator) for _ in range(batch_size)]
        return {
            "input_values": self._play(labels, generator),
            "mask_time_indices": torch.stack(masks),
            "labels": labels,
        }

    def _draw_tones(self, length: int, batch_size: int, generator: Generator) -> Tensor:
        shape = (batch_size, length // self.shortest_tone + 1)
        tones = torch.randint(self.num_tones, shape, generator=generator)
        lasting = torch.randint(
            self.shortest_tone, self.longest_tone + 1, shape, generator=generator
        )
        frames = torch.arange(length).expand(batch_size, length).contiguous()
        return tones.gather(1, torch.searchsorted(lasting.cumsum(1), frames, right=True))

    def _play(self, labels: Tensor, generator: Generator) -> Tensor:
        waves = self._one_hop_of_each_tone()[labels].flatten(1)
        # The last frame reaches beyond its hop; a tone starts anew every hop, without a click.
        tail = waves[:, -HOP_SAMPLES:][:, : FRAME_SAMPLES - HOP_SAMPLES]
        gain = 0.3 + 0.5 * torch.rand(labels.shape[0], 1, generator=generator)
        audio = torch.cat([waves, tail], dim=1).mul_(gain)
        assert audio.shape[1] == samples_for_frames(labels.shape[1])
        return audio.add_(torch.randn(audio.shape, generator=generator), alpha=0.01)

    def _one_hop_of_each_tone(self) -> Tensor:
        """Two sines per tone, whole periods in one hop, below 8 kHz, (num_tones, 320)."""
        tone = torch.arange(self.num_tones)
        spread = max(1, 64 // self.num_tones)
        low = 4 + tone % 64 * spread  # periods in one hop, 50 Hz each
        high = 72 + tone // 64
        time = 2 * math.pi * torch.arange(HOP_SAMPLES) / HOP_SAMPLES
        assert int(high.max()) * SAMPLE_RATE_HZ / HOP_SAMPLES < SAMPLE_RATE_HZ / 2
        return 0.5 * (torch.sin(low[:, None] * time) + torch.sin(high[:, None] * time))


@dataclass(frozen=True)
class Stripes:
    """Makes striped images; the direction of the stripes is the class.

    Args:
        num_directions: Different directions.
    """

    num_directions: int

    def make(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make a batch of images with `length` pixels per side, rounded up to a multiple of 32.

        Returns:
            `pixel_values` (batch_size, 3, side, side) float32, `labels` (batch_size,) int64.
        """
        side = round_up_side(length)
        shape = (batch_size, 1, 1, 1)
        labels = torch.randint(self.num_directions, (batch_size,), generator=generator)
        angle = labels.view(shape) * (math.pi / self.num_directions)
        wavelength = 6 + 6 * torch.rand(shape, generator=generator)  # pixels
        phase = 2 * math.pi * torch.rand(shape, generator=generator)
        row, column = torch.arange(side).view(1, 1, -1, 1), torch.arange(side).view(1, 1, 1, -1)
        along = row * torch.sin(angle) + column * torch.cos(angle)
        stripes = torch.sin(2 * math.pi / wavelength * along + phase)
        colour = 0.3 + 0.4 * torch.rand(batch_size, 3, 1, 1, generator=generator)
        pixels = stripes * colour
        pixels.add_(torch.randn(pixels.shape, generator=generator), alpha=0.1)
        return {"pixel_values": pixels, "labels": labels}
