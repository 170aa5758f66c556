"""What all data for training on speech share: sources, utterances, loaders that resume."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.bad_samples import BadSamples
from datamodules.batching.length_buckets import hold_out
from datamodules.batching.resumable import ResumableLoader, UntouchedLoader
from datamodules.batching.seconds_batches import (
    Batches,
    EvaluationBatches,
    Processes,
    TrainingBatches,
    frames_of,
)
from datamodules.errors import DataError, validate_choice, validate_fraction, validate_minimum
from datamodules.geometry import FRAME_SAMPLES, SAMPLE_RATE_HZ, frames_for_samples
from datamodules.recordings.layouts import LAYOUTS
from datamodules.recordings.listing import list_paths, list_recordings
from datamodules.recordings.recording import Recording
from datamodules.utterances.reader import UtteranceReader, UtteranceSet

SHORTEST_SECONDS = FRAME_SAMPLES / SAMPLE_RATE_HZ
Layout = Literal["auto", "datasets", "folder", "librispeech", "manifest"]


class UtteranceData(LightningDataModule, ABC):
    """Recordings to train on; sources for validation and testing may be others.

    Args:
        source: Folder of audio at any depth, manifest (first line the root folder, the others
            `path<TAB>samples`), or a `datasets` hub name or saved folder; the training recordings,
            all of them for `labels` and `predict`.
        val_source: The same for validation; None holds out `hold_out_fraction` of `source`.
        test_source: The same for testing; None tests what validation has.
        layout: What the sources are; `auto` takes a folder or a manifest, `librispeech` only files
            named speaker-chapter-utterance.flac, `datasets` a folder that it saved or a hub name,
            `name` or `name:config:split`.
        on_bad_sample: `stop` at a damaged file or manifest line, or `skip` and count it.
        batch_seconds: Audio in one training batch of all processes together, padding included.
        eval_batch_seconds: Audio in one batch of validation, test or prediction of one process.
        max_seconds: Longest utterance that is used in training: what a longer one is, the kind of
            data says; None uses all.
        hold_out_fraction: Share of `source` for validation.
        num_workers: Loader processes; 0 loads in the main one.
        seed: Chooses order, crops and masks.
    """

    modality = "speech"

    def __init__(  # noqa: PLR0913  (every setting of a YAML block is an argument)
        self,
        source: str,
        val_source: str | None = None,
        test_source: str | None = None,
        layout: Layout = "auto",
        on_bad_sample: Literal["stop", "skip"] = "stop",
        batch_seconds: float = 87.5,
        eval_batch_seconds: float = 87.5,
        max_seconds: float | None = None,
        hold_out_fraction: float = 0.01,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        validate_choice("layout", layout, LAYOUTS)
        for name, value in {
            "batch_seconds": batch_seconds,
            "eval_batch_seconds": eval_batch_seconds,
            "max_seconds": max_seconds,
        }.items():
            if value is not None:
                validate_minimum(name, value, SHORTEST_SECONDS)
        validate_fraction("hold_out_fraction", hold_out_fraction)
        validate_minimum("num_workers", num_workers, 0)
        validate_minimum("seed", seed, 0)
        self.source = source
        self.val_source = val_source
        self.test_source = test_source
        self.layout = layout
        self.on_bad_sample = on_bad_sample
        self.batch_seconds = batch_seconds
        self.eval_batch_seconds = eval_batch_seconds
        self.max_seconds = max_seconds
        self.hold_out_fraction = hold_out_fraction
        self.num_workers = num_workers
        self.seed = seed

    def __str__(self) -> str:
        return f"recordings of {self.source}"  # Lightning would build all loaders to describe them

    @abstractmethod
    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> UtteranceReader:
        """Make the reader of a split: `train`, `val`, `test` or `predict`.

        Raises:
            DataError: What belongs to the recordings is missing or does not match them.
        """

    def setup(self, stage: str) -> None:
        """Open what is needed, so that what is wrong with it is known before anything begins.

        Raises:
            DataError: What belongs to the recordings is missing or does not match them.
        """
        if stage == "fit":
            _ = self.train_reader
        if stage in ("fit", "validate"):
            _ = self.val_reader
        if stage == "test":
            _ = self.test_reader
        if stage == "fit":
            self._warn_of_shared_files()

    @cached_property
    def train_reader(self) -> UtteranceReader:
        """The opened training source; opened at first use, so that building costs nothing."""
        return self._open("train", self.source)

    @cached_property
    def val_reader(self) -> UtteranceReader:
        """The opened validation source."""
        return self._open("val", self.val_source) if self.val_source else self.train_reader

    @cached_property
    def test_reader(self) -> UtteranceReader:
        """The opened test source."""
        return self._open("test", self.test_source) if self.test_source else self.val_reader

    @cached_property
    def predict_reader(self) -> UtteranceReader:
        """The opened source, for `labels` and `predict`."""
        return self._open("predict", self.source)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training utterances, shuffled anew in every epoch."""
        reader, indices = self.train_reader, self._train_indices()
        frames = [reader.frames[index] for index in indices]
        if self.trainer is not None and self._overfits():
            raise DataError(  # Lightning then takes another sampler
                "`overfit_batches` cannot be used with batches by seconds; use "
                "`limit_train_batches` instead"
            )
        budget = frames_of(self.batch_seconds)
        order = TrainingBatches(frames, budget, self.seed, self._processes())
        chosen = UtteranceSet(reader, indices, self.seed, in_training=True)
        return ResumableLoader(chosen, order, self.num_workers)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation utterances, always with the same crops and masks."""
        if self.val_source:
            return self._eval_loader(self.val_reader)
        return self._eval_loader(self.train_reader, self._held_out())

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the test utterances."""
        return self._eval_loader(self.test_reader) if self.test_source else self.val_dataloader()

    def predict_dataloader(self) -> UntouchedLoader:
        """Return all utterances of `source`."""
        return UntouchedLoader(self._eval_loader(self.predict_reader))

    def _open(self, split: str, source: str) -> UtteranceReader:
        bad_samples = BadSamples(self.on_bad_sample)
        recordings = list_recordings(source, self.layout, bad_samples)
        if not recordings:
            raise DataError(f"`source` {source} holds no recordings that can be used")
        return self.make_reader(split, recordings, bad_samples)

    def _warn_of_shared_files(self) -> None:
        """Warn of files that are trained on and evaluated with: the figures would say nothing."""
        if self.layout == "datasets":
            return
        trained = {recording.path.resolve() for recording in self.train_reader.recordings}
        for setting in ("val_source", "test_source"):
            source = getattr(self, setting)
            if source is None:
                continue
            files = list_paths(source, self.layout)
            if shared := [file for file in files if file.resolve() in trained]:
                warnings.warn(
                    f"`{setting}` {source} has {len(shared)} files that `source` {self.source} has "
                    f"too, such as {shared[0]}: they are trained on",
                    stacklevel=2,
                )

    def _train_indices(self) -> list[int]:
        count = len(self.train_reader.frames)
        if self.val_source:
            return list(range(count))
        indices, _ = hold_out(count, self.hold_out_fraction)
        if not indices:
            raise DataError(
                f"`source` {self.source} must hold at least 2 recordings, one of them for "
                f"validation unless `val_source` is given, got {count}"
            )
        return indices

    def _held_out(self) -> list[int]:
        return hold_out(len(self.train_reader.frames), self.hold_out_fraction)[1]

    def _eval_loader(
        self, reader: UtteranceReader, indices: Sequence[int] | None = None
    ) -> DataLoader[Any]:
        chosen = range(len(reader.frames)) if indices is None else indices
        frames = [reader.frames[index] for index in chosen]
        budget = frames_of(self.eval_batch_seconds)
        order: Batches = EvaluationBatches(frames, budget, self._processes())
        utterances = UtteranceSet(reader.for_evaluation(), chosen, self.seed)
        return ResumableLoader(utterances, order, self.num_workers)

    def _overfits(self) -> bool:
        trainer: Any = self.trainer
        return bool(trainer.overfit_batches)

    def _processes(self) -> Processes:
        if self.trainer is None:
            return Processes()
        return Processes(self.trainer.world_size, self.trainer.global_rank)


def used_frames(recording: Recording, max_seconds: float | None) -> int:
    """Return the frames of a recording, at most those of `max_seconds`."""
    limit = recording.num_samples
    if max_seconds is not None:
        limit = min(limit, int(max_seconds * SAMPLE_RATE_HZ))
    return frames_for_samples(limit)
