"""Data made on the spot, of an exact length, from which a model can learn something.

The same settings and the same seed give the same data.
"""

from typing import Any

from torch.utils.data import Dataset

from datamodules.base import Batch, ModalityData, generator_for
from datamodules.batching.counted_batches import InOrder
from datamodules.batching.orders import BatchDraw, Processes
from datamodules.batching.resumable import Loader, ResumableLoader, UntouchedLoader, protect
from datamodules.errors import DataError, validate_fraction, validate_minimum
from datamodules.files.fingerprints import fingerprint_of
from datamodules.geometry import round_up_side
from datamodules.lengths import LengthDistribution
from datamodules.modalities.making import Maker, Stripes, Tones, TopicTexts

# Each use of the data has its own stream of random numbers, so none repeats another.
TRAIN, VALIDATION, TEST, PREDICT, BATCH_AT = range(5)


class SyntheticBatches(Dataset[Batch]):
    """Batches of one length; number i depends on the maker, the seeds and i alone.

    Args:
        maker: Makes them.
        length: Their length on the modality's axis.
        batch_size: Samples in each.
        seeds: Choose all that is random.
    """

    def __init__(self, maker: Maker, length: int, batch_size: int, seeds: tuple[int, ...]) -> None:
        self.maker = maker
        self.length = length
        self.batch_size = batch_size
        self.seeds = seeds

    def __getitem__(self, draw: BatchDraw) -> Batch:
        """Make the batch whose number is drawn, as `datamodules.base.Batch` describes it."""
        (number,) = draw.positions
        generator = generator_for(*self.seeds, number)
        return self.maker.make(self.length, self.batch_size, generator)


class SyntheticData(ModalityData):
    """Loaders and lengths of data made on the spot, of any modality.

    Args:
        axis_length: Length of all samples on the modality's axis.
        maker: Makes the batches.
        num_classes: How many things a model's head tells apart.
        batch_size: Samples in a batch.
        num_batches: Batches of a training epoch; a tenth as many for validation.
        seed: Chooses all that is random in the data.
    """

    batch_source = "synthetic"

    def __init__(
        self,
        axis_length: int,
        maker: Maker,
        num_classes: int,
        batch_size: int = 8,
        num_batches: int = 50,
        seed: int = 0,
    ) -> None:
        super().__init__()
        validate_minimum("batch_size", batch_size, 1)
        validate_minimum("num_batches", num_batches, 1)
        validate_minimum("seed", seed, 0)
        self.axis_length = axis_length
        self.maker = maker
        self._num_classes = num_classes
        self.batch_size = batch_size
        self.num_batches = num_batches
        self.seed = seed

    @property
    def num_classes(self) -> int:
        """How many things a model's head tells apart: token ids, tones or directions."""
        return self._num_classes

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
        """Make a batch at exactly this length; another seed gives another batch.

        Args:
            length: Tokens, frames, or pixels per side (rounded up to a multiple of 32).
            batch_size: Samples in the batch.
            seed: Chooses all that is random in it, beside the seed of the data.

        Returns:
            The tensors of the modality, as `datamodules.base.Batch` describes them.

        Raises:
            DataError: `length` or `batch_size` is not positive.
        """
        validate_minimum("length", length, 1)
        validate_minimum("batch_size", batch_size, 1)
        generator = generator_for(self.seed, BATCH_AT, length, seed)
        return self.maker.make(length, batch_size, generator)

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

    def train_dataloader(self) -> Loader:
        """Return `num_batches` batches, all different."""
        return protect(self._loader(TRAIN, self.num_batches), self.trainer)

    def val_dataloader(self) -> Loader:
        """Return a tenth as many batches, none of them seen in training."""
        return protect(self._loader(VALIDATION, max(1, self.num_batches // 10)), self.trainer)

    def test_dataloader(self) -> Loader:
        """Return a tenth as many batches, none of them seen before."""
        return self._loader(TEST, max(1, self.num_batches // 10))

    def predict_dataloader(self) -> Loader:
        """Return `num_batches` batches, none of them seen before."""
        return UntouchedLoader(self._loader(PREDICT, self.num_batches, in_step=False))

    def _loader(self, stream: int, num_batches: int, in_step: bool = True) -> ResumableLoader:
        seeds = (self.seed, stream)
        batches = SyntheticBatches(self.maker, self.axis_length, self.batch_size, seeds)
        lengths = [self.axis_length] * num_batches
        # To this order a batch is one sample, so processes take whole batches in turns.
        order = InOrder(lengths, 1, Processes.of(self.trainer), in_step)
        return ResumableLoader(batches, order)


class SyntheticText(SyntheticData):
    """Sequences that each keep to the few tokens of one topic, some tokens masked.

    The visible tokens tell the topic, hence the hidden ones up to a choice of four. Token 0 is
    padding, the last one of the vocabulary the mask; neither is content.

    Args:
        sequence_length: Tokens per sequence.
        num_classes: Tokens of the vocabulary, at least 10.
        mask_fraction: Share of the tokens to predict.
        kwargs: Settings of SyntheticData.
    """

    modality = "text"

    def __init__(
        self,
        sequence_length: int = 128,
        num_classes: int = 1024,
        mask_fraction: float = 0.15,
        **kwargs: Any,
    ) -> None:
        validate_minimum("sequence_length", sequence_length, 1)
        validate_minimum("num_classes", num_classes, 2 + 2 * TopicTexts.tokens_per_topic)
        validate_fraction("mask_fraction", mask_fraction)
        maker = TopicTexts(num_classes, mask_fraction)
        super().__init__(sequence_length, maker, num_classes, **kwargs)
        self.mask_fraction = mask_fraction


class SyntheticSpeech(SyntheticData):
    """Tones that change every 25 frames or so; a frame's label is its tone.

    Args:
        sequence_length: Frames per sample, 20 ms each (99 frames are 31,760 audio samples).
        num_classes: Different tones, 2 to 5,000.
        batch_size: Samples in a batch.
        kwargs: Settings of SyntheticData.
    """

    modality = "speech"
    max_tones = 5000

    def __init__(
        self,
        sequence_length: int = 99,
        num_classes: int = 8,
        batch_size: int = 4,
        **kwargs: Any,
    ) -> None:
        validate_minimum("sequence_length", sequence_length, 1)
        validate_minimum("num_classes", num_classes, 2)
        if num_classes > self.max_tones:
            raise DataError(f"`num_classes` must be at most {self.max_tones}, got {num_classes}")
        maker = Tones(num_classes)
        super().__init__(sequence_length, maker, num_classes, batch_size=batch_size, **kwargs)


class SyntheticVision(SyntheticData):
    """Striped images; the direction of the stripes is the class.

    Args:
        input_size: Pixels per side, rounded up to a multiple of 32.
        num_classes: Different directions, at least 2.
        kwargs: Settings of SyntheticData.
    """

    modality = "vision"

    def __init__(self, input_size: int = 64, num_classes: int = 4, **kwargs: Any) -> None:
        validate_minimum("input_size", input_size, 1)
        validate_minimum("num_classes", num_classes, 2)
        maker = Stripes(num_classes)
        super().__init__(round_up_side(input_size), maker, num_classes, **kwargs)
