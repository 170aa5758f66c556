"""The part that all data for training on speech share: sources of splits, batches by seconds."""

import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from datamodules.bad_samples import BadSamples
from datamodules.batching.choosing import hold_out
from datamodules.batching.orders import Processes
from datamodules.batching.reading import SampleSet
from datamodules.batching.resumable import Loader, ResumableLoader, UntouchedLoader, overfits
from datamodules.batching.seconds_batches import EvaluationBatches, TrainingBatches, frames_of
from datamodules.counted import counted
from datamodules.errors import DataError, validate_fraction, validate_minimum
from datamodules.geometry import FRAME_SAMPLES, SAMPLE_RATE_HZ
from datamodules.lengths import LengthDistribution
from datamodules.recordings.listing import list_paths, list_recordings
from datamodules.recordings.recording import Recording
from datamodules.utterances.base import UtteranceData
from datamodules.utterances.lengths import distribution_of
from datamodules.utterances.reader import UtteranceReader

SHORTEST_SECONDS = FRAME_SAMPLES / SAMPLE_RATE_HZ


class TrainingSpeech(UtteranceData):
    """Recordings to train on; sources for validation and testing may be others.

    Args:
        source: Training recordings: a folder of audio at any depth, a manifest (first line the root
            folder, the others `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub
            name or saved folder. All of them are predicted.
        val_source: Recordings for validation, as `source` is; None holds out `hold_out_fraction`
            of `source`.
        test_source: Recordings for testing, as `source` is; None takes those of validation.
        batch_seconds: Audio in one training batch of all processes together, padding included.
        eval_batch_seconds: Audio in one batch of validation, test or prediction of one process.
        hold_out_fraction: Share of `source` for validation, on average: a hash of its name decides
            of each recording, so that others that come or go move none from one side to the other.
        kwargs: Settings of UtteranceData.
    """

    def __init__(
        self,
        source: str,
        val_source: str | None = None,
        test_source: str | None = None,
        batch_seconds: float = 87.5,
        eval_batch_seconds: float = 87.5,
        hold_out_fraction: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(source, **kwargs)
        validate_minimum("batch_seconds", batch_seconds, SHORTEST_SECONDS)
        validate_minimum("eval_batch_seconds", eval_batch_seconds, SHORTEST_SECONDS)
        validate_fraction("hold_out_fraction", hold_out_fraction)
        self.val_source = val_source
        self.test_source = test_source
        self.batch_seconds = batch_seconds
        self.eval_batch_seconds = eval_batch_seconds
        self.hold_out_fraction = hold_out_fraction

    def setup(self, stage: str) -> None:
        """Open the sources that are needed: a mistake in them is then known before anything begins.

        Raises:
            DataError: Labels or transcripts of the recordings are missing or do not match.
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
        return self.open_reader("train", self.source)

    @cached_property
    def val_reader(self) -> UtteranceReader:
        """The opened validation source."""
        return self.open_reader("val", self.val_source) if self.val_source else self.train_reader

    @cached_property
    def test_reader(self) -> UtteranceReader:
        """The opened test source."""
        return self.open_reader("test", self.test_source) if self.test_source else self.val_reader

    @property
    def length_notes(self) -> list[str]:
        """What to know of `lengths`, in sentences without a full stop."""
        return [
            "these are the recordings of `source` that training takes; `val_source` and "
            "`test_source` are not read",
            f"training fills batches with `batch_seconds` {self.batch_seconds:g} of similar "
            "lengths; the shares of padding are those of batches with a number of samples",
        ]

    def lengths(self) -> LengthDistribution:
        """Return the lengths in frames, as training uses them, of the recordings that it takes.

        Raises:
            DataError: Nothing can be trained on, or labels or transcripts are missing.
        """
        reader, indices = self.train_reader, self._train_indices()
        held_out = () if self.val_source else self._split[1]
        return distribution_of(self.source, reader, indices, held_out, self.sampling.sampled)

    def train_dataloader(self) -> Loader:
        """Return the training utterances, shuffled anew in every epoch."""
        reader, indices = self.train_reader, self._train_indices()
        if overfits(self.trainer):
            raise DataError(  # Lightning then takes another sampler
                "`overfit_batches` cannot be used with batches by seconds; use "
                "`limit_train_batches` instead"
            )
        lengths = [reader.lengths[index] for index in indices]
        budget, processes = frames_of(self.batch_seconds), Processes.of(self.trainer)
        order = TrainingBatches(lengths, budget, self.seed, processes)
        chosen = SampleSet(reader, indices, self.seed, when_empty="another")
        return ResumableLoader(chosen, order, self.num_workers)

    def val_dataloader(self) -> Loader:
        """Return the validation utterances, always with the same crops and masks."""
        if self.val_source:
            return self._eval_loader(self.val_reader)
        return self._eval_loader(self.train_reader, self._split[1])

    def test_dataloader(self) -> Loader:
        """Return the test utterances."""
        return self._eval_loader(self.test_reader) if self.test_source else self.val_dataloader()

    def predict_dataloader(self) -> Loader:
        """Return all utterances of `source`."""
        return UntouchedLoader(self._eval_loader(self.predict_reader))

    def _warn_of_shared_files(self) -> None:
        """Warn of files that are trained on and evaluated with: the figures would say nothing."""
        if self.layout == "datasets":
            return
        files: dict[str, list[Path]] = {}
        if self.val_source:
            files["val_source"] = [recording.path for recording in self.val_reader.recordings]
        if self.test_source:
            files["test_source"] = list_paths(self.test_source, self.layout)
        # Not `resolve`, which raises an error where a link leads to itself.
        trained = {os.path.realpath(recording.path) for recording in self.train_reader.recordings}
        for setting, paths in files.items():
            if shared := [path for path in paths if os.path.realpath(path) in trained]:
                warnings.warn(
                    f"`{setting}` {getattr(self, setting)} has {counted(len(shared), 'file')} that "
                    f"`source` {self.source} has too, and trains on, such as {shared[0]}",
                    stacklevel=2,
                )

    def recordings_of(self, split: str, source: str) -> list[Recording]:
        """Return the recordings of the source of a split, whether it was opened or not.

        Raises:
            DataError: It was not, and cannot be listed.
        """
        reader = self.__dict__.get(f"{split}_reader")
        if reader is not None:
            return list(reader.recordings)
        return list_recordings(source, self.layout, BadSamples("skip"))

    def _train_indices(self) -> list[int]:
        count = len(self.train_reader.lengths)
        if self.val_source:
            return list(range(count))
        indices, _ = self._split
        if not indices:
            raise DataError(
                f"`source` {self.source} must hold at least 2 recordings, one of them for "
                f"validation unless `val_source` is given, got {count}"
            )
        return indices

    @cached_property
    def _split(self) -> tuple[list[int], list[int]]:
        """The indices of `source` to train on, and those held out."""
        return hold_out(self.train_reader.identities(), self.hold_out_fraction)

    def _eval_loader(
        self, reader: UtteranceReader, indices: Sequence[int] | None = None
    ) -> ResumableLoader:
        chosen = range(len(reader.lengths)) if indices is None else indices
        lengths = [reader.lengths[index] for index in chosen]
        budget, processes = frames_of(self.eval_batch_seconds), Processes.of(self.trainer)
        order = EvaluationBatches(lengths, budget, processes)
        utterances = SampleSet(reader.for_evaluation(), chosen, self.seed, when_empty="nothing")
        return ResumableLoader(utterances, order, self.num_workers)
