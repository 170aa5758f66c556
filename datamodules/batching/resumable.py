"""A loader that goes on with the next batch after a run was killed."""

from collections.abc import Iterator
from typing import Any

from torch import Generator
from torch.utils.data import DataLoader, Dataset

from datamodules.batching.orders import Batches
from datamodules.batching.reading import HandedOver, SampleSet
from datamodules.counted import counted
from datamodules.errors import DataError


class ResumableLoader(DataLoader[Any]):
    """Counts the batches it handed out; Lightning saves the count and gives it back.

    Only batches that were handed out count, because worker processes read ahead. The loader has a
    random generator of its own: from torch's it would draw a number whenever an epoch begins, and
    change what the model draws.

    Args:
        dataset: Takes a `BatchDraw` and returns a batch.
        sampler: The order of the batches.
        num_workers: Processes that load; 0 loads in the main one.
    """

    def __init__(self, dataset: Dataset[Any], sampler: Batches, num_workers: int = 0) -> None:
        super().__init__(
            dataset,
            batch_size=None,
            sampler=sampler,
            num_workers=num_workers,
            generator=Generator().manual_seed(0),
            persistent_workers=num_workers > 0,
        )
        if isinstance(dataset, SampleSet):
            dataset.hands_over = num_workers > 0
        self.batches = sampler
        self._place = self._beginning_of(0)
        self._resumed = False

    def state_dict(self) -> dict[str, Any]:
        """Return the `epoch`, and how many of the `total` of its `batches` were handed out.

        And the `order` that they are in.
        """
        return dict(self._place)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin behind the batches that were handed out, if the next epoch is theirs.

        Behind a whole epoch another order may follow.

        Raises:
            DataError: The state is of another order: some batches would be left out or repeated.
        """
        is_other = state["order"] != self.batches.identity
        # Earlier programs kept no total: of theirs nobody knows whether the epoch was whole.
        if is_other and state["batches"] != state.get("total"):
            raise DataError(
                f"`ckpt_path` must be of a run with the same {self.batches.depends_on}: it stopped "
                f"after {counted(state['batches'], 'batch', 'batches')} of another order"
            )
        self._place = self._beginning_of(state["epoch"])
        self._place["batches"] = self._place["total"] if is_other else state["batches"]
        self._resumed = True

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # This is a generator, so it runs when the first batch is asked for: the epoch is set then.
        epoch = self.batches.epoch
        goes_on = self._resumed and self._place["epoch"] == epoch
        first = self._place["batches"] if goes_on else 0
        self._resumed = False
        self.batches.first_batch = first
        self._place = self._beginning_of(epoch) | {"batches": first}
        for batch in super().__iter__():
            self._place["batches"] += 1
            yield self._unpacked(batch)

    def _beginning_of(self, epoch: int) -> dict[str, Any]:
        """Return the place before the first batch of an epoch."""
        total = len(self.batches)
        return {"epoch": epoch, "batches": 0, "total": total, "order": self.batches.identity}

    def _unpacked(self, batch: Any) -> Any:
        """Return the batch; account for what a loader process left out of it."""
        if not isinstance(batch, HandedOver):
            return batch
        assert isinstance(self.dataset, SampleSet)
        for problem in batch.problems:
            self.dataset.reader.bad_samples.handle(problem)
        return batch.batch


class UntouchedLoader:
    """Hands out the batches of a loader, and is none that Lightning would build anew.

    Lightning builds loaders to predict or to overfit with another order of its own.

    Args:
        loader: Has the order of batches that must be kept.
    """

    def __init__(self, loader: "Loader") -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)


class FilledLoader(UntouchedLoader):
    """Hands out the batches of a loader that have samples, which may be fewer than its length."""

    def __iter__(self) -> Iterator[Any]:
        return filter(None, self.loader)


Loader = ResumableLoader | UntouchedLoader


def overfits(trainer: Any) -> bool:
    """Return whether a Trainer learns a few batches by heart, for which it orders them itself."""
    return trainer is not None and bool(trainer.overfit_batches)


def protect(loader: ResumableLoader, trainer: Any) -> Loader:
    """Return a loader that keeps its order, even for a Trainer that overfits to some batches."""
    return UntouchedLoader(loader) if overfits(trainer) else loader
