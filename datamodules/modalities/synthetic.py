"""Data made on the spot, of an exact length, from which a model can learn something.

Same settings and seed, same data. Shapes: B batch, T tokens or frames, S pixels per side.
"""

import math
from abc import abstractmethod

import torch
from torch import Generator
from torch.utils.data import DataLoader, Dataset

from datamodules.base import Batch, ModalityData, generator_for
from datamodules.batching.masking import TokenMasking, mask_spans
from datamodules.errors import DataError, validate_fraction, validate_minimum
from datamodules.files.fingerprints import fingerprint_of
from datamodules.geometry import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    SAMPLE_RATE_HZ,
    round_up_side,
    samples_for_frames,
)
from datamodules.lengths import LengthDistribution

# Each use of the data has its own stream of random numbers, so none repeats another.
TRAIN, VALIDATION, TEST, PREDICT, BATCH_AT = range(5)


class SyntheticBatches(Dataset[Batch]):
    """The batches of one loader; number i depends on the seed, the stream and i alone."""

    def __init__(self, data: "SyntheticData", stream: int, num_batches: int) -> None:
        self.data = data
        self.stream = stream
        self.num_batches = num_batches

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < self.num_batches:
            raise IndexError(index)
        generator = generator_for(self.data.seed, self.stream, index)
        return self.data.make_batch(self.data.axis_length, self.data.batch_size, generator)


class SyntheticData(ModalityData):
    """What the synthetic data of all modalities share."""

    batch_source = "synthetic"

    def __init__(
        self, axis_length: int, num_classes: int, batch_size: int, num_batches: int, seed: int
    ) -> None:
        super().__init__()
        validate_minimum("batch_size", batch_size, 1)
        validate_minimum("num_batches", num_batches, 1)
        validate_minimum("seed", seed, 0)
        self.axis_length = axis_length
        self._num_classes = num_classes
        self.batch_size = batch_size
        self.num_batches = num_batches
        self.seed = seed

    @property
    def num_classes(self) -> int:
        """What a model's head tells apart."""
        return self._num_classes

    @abstractmethod
    def make_batch(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make one batch at exactly this length of the modality's axis."""

    def lengths(self) -> LengthDistribution:
        """Return the one length that all samples have."""
        return LengthDistribution(
            name=f"synthetic {self.modality}",
            modality=self.modality,
            unit=self.unit,
            values=(self.axis_length,),
            counts=(self.num_batches * self.batch_size,),
            source="synthetic",
        )

    def batch_at(self, length: int, batch_size: int, seed: int = 0) -> Batch:
        """Make a batch at exactly this length; another seed gives another batch."""
        validate_minimum("length", length, 1)
        validate_minimum("batch_size", batch_size, 1)
        generator = generator_for(self.seed, BATCH_AT, length, seed)
        return self.make_batch(length, batch_size, generator)

    def fingerprint(self) -> str:
        """Return a text that changes with any setting."""
        names = (
            "axis_length",
            "num_classes",
            "batch_size",
            "num_batches",
            "seed",
            "mask_fraction",
        )
        settings = {name: getattr(self, name, None) for name in names}
        return fingerprint_of({"class": type(self).__name__, **settings})

    def _loader(self, stream: int, num_batches: int) -> DataLoader[Batch]:
        return DataLoader(SyntheticBatches(self, stream, num_batches), batch_size=None)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return `num_batches` batches, all different."""
        return self._loader(TRAIN, self.num_batches)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return a tenth as many batches, none of them seen in training."""
        return self._loader(VALIDATION, max(1, self.num_batches // 10))

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return a tenth as many batches, none of them seen before."""
        return self._loader(TEST, max(1, self.num_batches // 10))

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return `num_batches` batches, none of them seen before."""
        return self._loader(PREDICT, self.num_batches)


class SyntheticText(SyntheticData):
    """Sequences that each keep to the few tokens of one topic, some tokens masked.

    The visible tokens tell the topic, hence the hidden ones up to a choice of four. Token 0 is
    padding, the last one of the vocabulary the mask; neither is content.

    Args:
        sequence_length: Tokens per sequence.
        batch_size: Sequences per batch.
        num_batches: Batches per training epoch; a tenth as many for validation.
        num_classes: Tokens of the vocabulary, at least 10.
        mask_fraction: Share of the tokens to predict.
        seed: Same seed, same data.
    """

    modality = "text"
    max_topics = 16
    tokens_per_topic = 4

    def __init__(
        self,
        sequence_length: int = 128,
        batch_size: int = 8,
        num_batches: int = 50,
        num_classes: int = 1024,
        mask_fraction: float = 0.15,
        seed: int = 0,
    ) -> None:
        validate_minimum("sequence_length", sequence_length, 1)
        validate_minimum("num_classes", num_classes, 2 + 2 * self.tokens_per_topic)
        validate_fraction("mask_fraction", mask_fraction)
        super().__init__(sequence_length, num_classes, batch_size, num_batches, seed)
        self.mask_fraction = mask_fraction
        self.mask_token_id = num_classes - 1

    def make_batch(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make `input_ids` and `labels`, (B, T)."""
        num_topics = min(self.max_topics, (self.num_classes - 2) // self.tokens_per_topic)
        shape = (batch_size, length)
        topic = torch.randint(num_topics, (batch_size, 1), generator=generator)
        token = torch.randint(self.tokens_per_topic, shape, generator=generator)
        tokens = 1 + topic * self.tokens_per_topic + token
        masking = TokenMasking(self.mask_fraction, self.mask_token_id, (1, self.mask_token_id))
        maskable = torch.ones(shape, dtype=torch.bool)
        input_ids, labels = masking.apply(tokens, maskable, generator)
        return {"input_ids": input_ids, "labels": labels}


class SyntheticSpeech(SyntheticData):
    """Tones that change every 25 frames or so; a frame's label is its tone.

    Masked spans are shorter than a tone lasts, so that the frames around them tell.

    Args:
        sequence_length: Frames per sample, 20 ms each (99 frames are 31,760 samples).
        batch_size: Samples per batch.
        num_batches: Batches per training epoch; a tenth as many for validation.
        num_classes: Different tones, 2 to 5,000.
        seed: Same seed, same data.
    """

    modality = "speech"
    mask_probability = 0.5
    shortest_tone, longest_tone = 20, 30  # frames
    max_tones = 5000

    def __init__(
        self,
        sequence_length: int = 99,
        batch_size: int = 4,
        num_batches: int = 50,
        num_classes: int = 8,
        seed: int = 0,
    ) -> None:
        validate_minimum("sequence_length", sequence_length, 1)
        validate_minimum("num_classes", num_classes, 2)
        if num_classes > self.max_tones:
            raise DataError(f"`num_classes` must be at most {self.max_tones}, got {num_classes}")
        super().__init__(sequence_length, num_classes, batch_size, num_batches, seed)

    def make_batch(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make `input_values` (B, samples), `mask_time_indices` and `labels` (B, T)."""
        labels = self._draw_tones(length, batch_size, generator)
        masks = [mask_spans(length, self.mask_probability, generator) for _ in range(batch_size)]
        return {
            "input_values": self._play(labels, generator),
            "mask_time_indices": torch.stack(masks),
            "labels": labels,
        }

    def _draw_tones(self, length: int, batch_size: int, generator: Generator) -> torch.Tensor:
        num_tones = length // self.shortest_tone + 1
        shape = (batch_size, num_tones)
        tones = torch.randint(self.num_classes, shape, generator=generator)
        lasting = torch.randint(
            self.shortest_tone, self.longest_tone + 1, shape, generator=generator
        )
        frames = torch.arange(length).expand(batch_size, length).contiguous()
        return tones.gather(1, torch.searchsorted(lasting.cumsum(1), frames, right=True))

    def _play(self, labels: torch.Tensor, generator: Generator) -> torch.Tensor:
        waves = self._one_hop_of_each_tone()[labels].flatten(1)
        # The last frame reaches beyond its hop; a tone starts anew every hop, without a click.
        tail = waves[:, -HOP_SAMPLES:][:, : FRAME_SAMPLES - HOP_SAMPLES]
        gain = 0.3 + 0.5 * torch.rand(labels.shape[0], 1, generator=generator)
        samples = torch.cat([waves, tail], dim=1).mul_(gain)
        assert samples.shape[1] == samples_for_frames(labels.shape[1])
        return samples.add_(torch.randn(samples.shape, generator=generator), alpha=0.01)

    def _one_hop_of_each_tone(self) -> torch.Tensor:
        """Two sines per tone, whole periods in one hop, below 8 kHz, (num_classes, 320)."""
        cluster = torch.arange(self.num_classes)
        spread = max(1, 64 // self.num_classes)
        low = 4 + cluster % 64 * spread  # periods in one hop, 50 Hz each
        high = 72 + cluster // 64
        time = 2 * math.pi * torch.arange(HOP_SAMPLES) / HOP_SAMPLES
        assert int(high.max()) * SAMPLE_RATE_HZ / HOP_SAMPLES < SAMPLE_RATE_HZ / 2
        return 0.5 * (torch.sin(low[:, None] * time) + torch.sin(high[:, None] * time))


class SyntheticVision(SyntheticData):
    """Striped images; the direction of the stripes is the class.

    Args:
        input_size: Pixels per side, rounded up to a multiple of 32.
        batch_size: Images per batch.
        num_batches: Batches per training epoch; a tenth as many for validation.
        num_classes: Different directions, at least 2.
        seed: Same seed, same data.
    """

    modality = "vision"

    def __init__(
        self,
        input_size: int = 64,
        batch_size: int = 8,
        num_batches: int = 50,
        num_classes: int = 4,
        seed: int = 0,
    ) -> None:
        validate_minimum("input_size", input_size, 1)
        validate_minimum("num_classes", num_classes, 2)
        super().__init__(round_up_side(input_size), num_classes, batch_size, num_batches, seed)

    def make_batch(self, length: int, batch_size: int, generator: Generator) -> Batch:
        """Make `pixel_values` (B, 3, S, S) and `labels` (B,)."""
        side = round_up_side(length)
        shape = (batch_size, 1, 1, 1)
        labels = torch.randint(self.num_classes, (batch_size,), generator=generator)
        angle = labels.view(shape) * (math.pi / self.num_classes)
        wavelength = 6 + 6 * torch.rand(shape, generator=generator)  # pixels
        phase = 2 * math.pi * torch.rand(shape, generator=generator)
        row, column = torch.arange(side).view(1, 1, -1, 1), torch.arange(side).view(1, 1, 1, -1)
        along = row * torch.sin(angle) + column * torch.cos(angle)
        stripes = torch.sin(2 * math.pi / wavelength * along + phase)
        colour = 0.3 + 0.4 * torch.rand(batch_size, 3, 1, 1, generator=generator)
        pixels = stripes * colour
        pixels.add_(torch.randn(pixels.shape, generator=generator), alpha=0.1)
        return {"pixel_values": pixels, "labels": labels}
