"""Utterances that are read whole and padded, to learn transcripts or keywords from."""

import copy
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from datamodules.bad_samples import BadSamples
from datamodules.base import Batch
from datamodules.batching.masking import mask_spans
from datamodules.batching.orders import BatchDraw
from datamodules.batching.padding import attention_mask, pad_stack
from datamodules.errors import DataError, validate_minimum
from datamodules.geometry import SAMPLE_RATE_HZ, frames_for_samples, samples_for_frames
from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording
from datamodules.utterances.reader import UtteranceReader
from datamodules.utterances.training import SHORTEST_SECONDS, TrainingSpeech


class UncroppedReader(UtteranceReader):
    """Reads all whole frames of a recording, its labels and, in training, spans to hide.

    Every share of a batch is padded to the longest utterance of all shares: HuBERT Base takes the
    statistics of its group norm over time, so its output depends on the padding.

    Args:
        recordings: The audio files.
        mask_probability: Share of the frames that masked spans of 10 frames would cover side by
            side; 0 hides nothing.
        bad_samples: Stops at a damaged one, or skips it and counts it.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        mask_probability: float,
        bad_samples: BadSamples,
    ) -> None:
        lengths = [frames_for_samples(recording.num_samples) for recording in recordings]
        super().__init__(recordings, lengths, bad_samples)
        self.mask_probability = mask_probability

    @abstractmethod
    def labels(self, index: int) -> Tensor:
        """Return what is to be recognised in a recording, int64, () or (letters,)."""

    @abstractmethod
    def collate_labels(self, labels: list[Tensor]) -> Tensor:
        """Make a batch of labels, (batch,) or (batch, letters) int64."""

    def for_evaluation(self) -> "UncroppedReader":
        """Return a reader that hides nothing."""
        reader = copy.copy(self)
        reader.mask_probability = 0.0
        return reader

    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Read a recording.

        Returns:
            `input_values` (audio samples,) float32, `labels` as the method `labels` returns them,
            and `mask_time_indices` (frames,) bool if anything is hidden.
        """
        frames = self.lengths[index]
        sample = {
            "input_values": decode(self.recordings[index], samples_for_frames(frames)),
            "labels": self.labels(index),
        }
        if self.mask_probability:
            sample["mask_time_indices"] = mask_spans(frames, self.mask_probability, generator)
        return sample

    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Pad to the longest of the batch of all processes.

        Returns:
            `input_values` (batch, audio samples) float32, `labels` as `collate_labels` returns
            them, `attention_mask` (batch, audio samples) int64 if anything is padded, and
            `mask_time_indices` (batch, frames) bool if anything is hidden.
        """
        audio = [sample["input_values"] for sample in samples]
        longest = samples_for_frames(draw.longest)
        batch = {
            "input_values": pad_stack(audio, longest, 0.0),
            **attention_mask(audio, longest),
            "labels": self.collate_labels([sample["labels"] for sample in samples]),
        }
        if self.mask_probability:
            masks = [sample["mask_time_indices"] for sample in samples]
            batch["mask_time_indices"] = pad_stack(masks, draw.longest, False)
        return batch


class UncroppedSpeech(TrainingSpeech):
    """Recordings that are never cropped; some are left out of training, none of evaluation.

    Args:
        source: Training recordings: a folder of audio at any depth, a manifest (first line the root
            folder, the others `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub
            name or saved folder.
        max_seconds: Longer recordings are left out of training; None leaves out none.
        min_seconds: Shorter recordings are left out of training.
        mask_probability: In training, share of the frames that masked spans of 10 frames would
            cover side by side; spans overlap, so that fewer are masked; 0 masks nothing.
        kwargs: Settings of TrainingSpeech.
    """

    def __init__(
        self,
        source: str,
        max_seconds: float | None = None,
        min_seconds: float = 0.0,
        mask_probability: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(source, **kwargs)
        validate_minimum("min_seconds", min_seconds, 0)
        if max_seconds is not None:
            validate_minimum("max_seconds", max_seconds, max(min_seconds, SHORTEST_SECONDS))
        if not 0 <= mask_probability < 1:
            raise DataError(
                f"`mask_probability` must be at least 0 and below 1, got {mask_probability}"
            )
        self.max_seconds = max_seconds
        self.min_seconds = min_seconds
        self.mask_probability = mask_probability

    def unusable(self, index: int) -> str | None:
        """Return why a training recording is left out of training, or None."""
        seconds = self.train_reader.recordings[index].num_samples / SAMPLE_RATE_HZ
        if self.max_seconds is not None and seconds > self.max_seconds:
            return f"longer than `max_seconds` {self.max_seconds:g}"
        if seconds < self.min_seconds:
            return f"shorter than `min_seconds` {self.min_seconds:g}"
        return None

    def _train_indices(self) -> list[int]:
        reasons = {index: self.unusable(index) for index in super()._train_indices()}
        usable = [index for index, reason in reasons.items() if reason is None]
        if len(usable) == len(reasons):
            return usable
        reader = self.train_reader
        for index, reason in reasons.items():
            if reason is not None:
                reader.bad_samples.leave_out([reader.recordings[index].path], reason)
        found = [reason for reason in reasons.values() if reason is not None]
        counts = ", ".join(f"{found.count(reason)} {reason}" for reason in sorted(set(found)))
        sentence = f"recordings of `source` {self.source} are left out of training: {counts}"
        if not usable:
            raise DataError(f"all {len(reasons)} {sentence}")
        warnings.warn(f"{len(found)} of {len(reasons)} {sentence}", stacklevel=2)
        return usable
