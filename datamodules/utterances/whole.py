"""Whole recordings, one at a time, for `python train.py labels` and `predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator

from datamodules.bad_samples import BadSamples
from datamodules.base import Batch
from datamodules.batching.orders import BatchDraw, Batches, Processes
from datamodules.batching.reading import SampleReader, SampleSet
from datamodules.batching.resumable import Loader, ResumableLoader, UntouchedLoader
from datamodules.batching.seconds_batches import EvaluationBatches
from datamodules.errors import BadSampleError, DataError
from datamodules.geometry import frames_for_samples
from datamodules.labels.format import FACTS_FILE, LabelFacts
from datamodules.labels.origin import Stamps, stamp_recordings
from datamodules.labels.reading import LabelFolder
from datamodules.labels.resuming import (
    check_complete,
    check_names,
    check_unfinished,
    forget_stamps,
    note_stamps,
    read_stamps,
)
from datamodules.labels.writing import LabelWriter, check_name, join, list_parts, remove_parts
from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording
from datamodules.utterances.base import UtteranceData
from datamodules.utterances.reader import UtteranceReader


class WholeReader(UtteranceReader):
    """Reads whole recordings; a damaged one that may be skipped has no audio samples.

    Args:
        recordings: The audio files.
        bad_samples: Stops at a damaged one, or skips it and counts it.
    """

    def __init__(self, recordings: list[Recording], bad_samples: BadSamples) -> None:
        lengths = [frames_for_samples(recording.num_samples) for recording in recordings]
        super().__init__(recordings, lengths, bad_samples)

    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Read a whole recording: `input_values` (audio samples,) float32."""
        recording = self.recordings[index]
        try:
            return {"input_values": decode(recording, recording.num_samples)}
        except BadSampleError as error:
            self.bad_samples.handle(error)
            return {"input_values": torch.empty(0)}

    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Make a batch of the one recording: `input_values` (1, audio samples) float32."""
        (sample,) = samples
        return {"input_values": sample["input_values"][None]}


class RandomOrder(Batches):
    """Every recording once, alone, in an order that the seed chooses, the same for all processes.

    Args:
        lengths: Frames of every recording.
        seed: Chooses the order.
    """

    def __init__(self, lengths: Sequence[int], seed: int) -> None:
        super().__init__(lengths)
        order = np.random.default_rng(seed).permutation(len(lengths)).tolist()
        self.chosen = [self._draw([position], [position]) for position in order]

    def __len__(self) -> int:
        return len(self.chosen)

    def draws(self) -> list[BatchDraw]:
        """Return the recordings, each a batch."""
        return self.chosen


class WholeSet(SampleSet):
    """Recordings one at a time; of a damaged one an empty batch.

    Args:
        reader: Reads them.
        indices: Which of the recordings.
        seed: Not used: whole recordings have no crops and no masks.
        keeps_damaged: Give a damaged one with no audio samples, so that its `index` is known.
    """

    def __init__(
        self, reader: SampleReader, indices: Sequence[int], seed: int, keeps_damaged: bool
    ) -> None:
        super().__init__(reader, indices, seed, when_empty="nothing")
        self.keeps_damaged = keeps_damaged

    def batch_of(self, draw: BatchDraw) -> Batch:
        """Return `input_values` (1, audio samples) float32 and `index` (1,) int64, or nothing."""
        batch = super().batch_of(draw)
        is_damaged = bool(batch) and not batch["input_values"].numel()
        return {} if is_damaged and not self.keeps_damaged else batch


class RecordingData(UtteranceData):
    """Recordings without anything that belongs to them, whole and one at a time.

    Args:
        source: Folder of audio at any depth, manifest (first line the root folder, the others
            `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub name or saved folder.
        kwargs: Settings of UtteranceData.
    """

    def __init__(self, source: str, **kwargs: Any) -> None:
        super().__init__(source, **kwargs)
        self._labelled: set[str] | None = None

    def setup(self, stage: str) -> None:
        """Refuse whatever needs more than recordings.

        Raises:
            DataError: They are to be trained on, or a model is to be evaluated with them.
        """
        if stage != "predict":
            raise DataError(
                f"`data` must have labels or transcripts for `{stage}`, got RecordingData, which "
                "is for `labels` and `predict`"
            )

    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> WholeReader:
        """Make the reader, which needs nothing but the recordings."""
        return WholeReader(recordings, bad_samples)

    @property
    def names(self) -> list[str]:
        """Names of all recordings, in the order of the source; `index` of a batch counts them."""
        return [recording.name for recording in self.predict_reader.recordings]

    def predict_dataloader(self) -> Loader:
        """Return all recordings of `source`, longest first; none that has its labels already."""
        reader, labelled = self.predict_reader, self._labelled or set()
        indices = [index for index, name in enumerate(self.names) if name not in labelled]
        lengths = [reader.lengths[index] for index in indices]
        order = EvaluationBatches(lengths, 1, Processes.of(self.trainer))  # each is over the budget
        keeps_damaged = self._labelled is not None
        chosen = WholeSet(reader, indices, self.seed, keeps_damaged)
        return UntouchedLoader(ResumableLoader(chosen, order, self.num_workers))

    def sample_dataloader(self) -> Loader:
        """Return all recordings in random order, the same for every process."""
        reader = self.predict_reader
        chosen = WholeSet(reader, range(len(reader.lengths)), self.seed, keeps_damaged=False)
        return ResumableLoader(chosen, RandomOrder(reader.lengths, self.seed), self.num_workers)

    @staticmethod
    def has_labels(folder: str) -> bool:
        """Return whether a folder holds labels, if only of some recordings."""
        return (Path(folder) / FACTS_FILE).exists() or bool(list_parts(Path(folder)))

    @staticmethod
    def is_labelled(folder: str) -> bool:
        """Return whether a folder holds labels of all recordings: nothing is written there."""
        return (Path(folder) / FACTS_FILE).exists()

    def note_recordings(self, folder: str) -> None:
        """Note that these recordings, and no others, are to be labelled in a folder."""
        note_stamps(Path(folder), self._stamp())

    def open_labels(self, folder: str, rank: int, **facts: Any) -> LabelWriter | None:
        """Begin to label, or go on where a run was killed: only recordings without labels are read.

        Args:
            folder: For the labels.
            rank: Which process this is.
            facts: The fields of LabelFacts.

        Returns:
            Takes the labels; None where the folder is complete.

        Raises:
            DataError: The folder has labels of other facts, audio or recordings, was begun or is
                complete without some, or a name cannot stand in it.
        """
        for name in self.names:  # before anything is labelled in vain
            check_name(name)
        self.facts = LabelFacts(**facts)
        place = Path(folder)
        # What is changed after this is known to be changed when the folder is looked at again.
        self._stamps = self._told_by_first(self._stamp())
        if (place / FACTS_FILE).exists():
            skips = self.on_bad_sample == "skip"
            recordings = self.predict_reader.recordings
            check_complete(LabelFolder(folder), self.facts, recordings, self._stamps, skips)
            self._labelled = set(self.names)
            return None
        writer = LabelWriter(folder, self.facts, rank)
        check_names(writer.done, self._stamps, folder)
        before = read_stamps(place)
        check_unfinished(place, before, writer.done, self._stamps)
        if not rank:  # those that are gone may come back
            note_stamps(place, {**before, **self._stamps})
        self._labelled = writer.done
        return writer

    def join_labels(self, folder: str) -> LabelFolder:
        """Join the labels that all processes wrote, unless that was done, and open them.

        Raises:
            DataError: A recording has no labels.
        """
        if (Path(folder) / FACTS_FILE).exists():
            remove_parts(folder)
        else:
            join(folder, self.facts, self.names, self._stamps)
        forget_stamps(Path(folder))
        return LabelFolder(folder)

    def _told_by_first(self, stamps: Stamps) -> Stamps:
        """Return the stamps of the first process: a machine may read a copy with other times."""
        trainer: Any = self.trainer
        told: Stamps = stamps if trainer is None else trainer.strategy.broadcast(stamps)
        return told

    def _stamp(self) -> Stamps:
        return stamp_recordings(self.source, self.layout, self.predict_reader.recordings)
