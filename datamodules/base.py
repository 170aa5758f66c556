"""What every data set of the project can do, synthetic or real."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor

from datamodules.lengths import LengthDistribution
from datamodules.modality import MODALITIES

Batch = dict[str, Tensor]
"""Tensors by the names transformers uses.

text: `input_ids`, `labels` (batch, tokens) int64, `labels` -100 where nothing is predicted;
speech: `input_values` (batch, audio samples) float32, `mask_time_indices` (batch, frames) bool,
`labels` (batch, frames) int64; vision: `pixel_values` (batch, 3, side, side) float32, `labels`
(batch,) int64. `attention_mask`, of the input's shape, int64, 1 where it is real, is there only
when something is padded. Speech to transcribe has `labels` (batch, letters), speech of keywords
`labels` (batch,), both int64. Batches of a source of recordings have `index` (batch,) int64, the
places of their recordings in it.
"""

# Streams of random numbers: masks of an epoch, and masks of repetitions in a batch of `batch_at`.
MASKS, REPETITIONS = range(2)


class ModalityData(LightningDataModule, ABC):
    """Batches of one modality, of an exact length or as a data set has them."""

    modality: str
    batch_source: str
    label_kind: str | None = None  # of speech: what its labels are, as modules call it that learn

    def __str__(self) -> str:
        # Lightning would build all loaders to describe them.
        return f"{self.batch_source} {self.modality} data"

    @property
    def skipped(self) -> list[str]:
        """Messages that name the samples this process has left out, damaged or empty ones."""
        return []

    @property
    def cuts_at(self) -> str | None:
        """The setting at which longer samples are cut, in `lengths` too; None where none is."""
        return None

    @property
    def unit(self) -> str:
        """Unit of a length: `tokens`, `frames` or `pixels` per side."""
        return MODALITIES[self.modality].unit

    @abstractmethod
    def lengths(self) -> LengthDistribution:
        """Return the lengths of all samples on the modality's axis, decoding nothing."""

    @abstractmethod
    def batch_at(self, length: int, batch_size: int, seed: int = 0) -> Batch:
        """Return a batch at exactly this length of the modality's axis.

        Args:
            length: Tokens, frames, or pixels per side (rounded up to a multiple of 32).
            batch_size: Samples in the batch.
            seed: Chooses what is random: synthetic samples, masked positions.

        Returns:
            The tensors of the modality, as `datamodules.base.Batch` describes them.
        """

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """How many things a model's head tells apart: token ids, clusters of frames, classes."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that changes when the data change."""


def generator_for(*words: int) -> torch.Generator:
    """Return a random generator that depends on all of these non-negative integers."""
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))
