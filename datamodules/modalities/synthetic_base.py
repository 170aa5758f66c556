"""Loaders and lengths of data made on the spot, the same for every modality."""

from torch.utils.data import Dataset

from datamodules.base import Batch, ModalityData, generator_for
from datamodules.batching.counted_batches import InOrder
from datamodules.batching.masking import without_labels
from datamodules.batching.orders import BatchDraw, Processes
from datamodules.batching.resumable import Loader, ResumableLoader, UntouchedLoader, protect
from datamodules.errors import validate_minimum
from datamodules.files.fingerprints import fingerprint_of
from datamodules.lengths import LengthDistribution
from datamodules.modalities.making import Maker

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
        batch = self.maker.make(self.length, self.batch_size, generator)
        return batch if draw.is_counted else without_labels(batch)


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
        return protect(self._evaluated(VALIDATION), self.trainer)

    def test_dataloader(self) -> Loader:
        """Return a tenth as many batches, none of them seen before."""
        return self._evaluated(TEST)

    def predict_dataloader(self) -> Loader:
        """Return `num_batches` batches, none of them seen before."""
        return UntouchedLoader(self._loader(PREDICT, self.num_batches, in_step=False))

    def _evaluated(self, stream: int) -> ResumableLoader:
        return self._loader(stream, max(1, self.num_batches // 10), counts_once=True)

    def _loader(self, stream: int, num_batches: int, **shared: bool) -> ResumableLoader:
        seeds = (self.seed, stream)
        batches = SyntheticBatches(self.maker, self.axis_length, self.batch_size, seeds)
        lengths = [self.axis_length] * num_batches
        # To this order a batch is one sample, so processes take whole batches in turns.
        order = InOrder(lengths, 1, Processes.of(self.trainer), **shared)
        return ResumableLoader(batches, order)
