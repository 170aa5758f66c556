"""Speech from a LibriSpeech tree, a folder of audio files or a manifest."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from datamodules.bad_samples import BadSamples
from datamodules.base import Batch
from datamodules.batching.masking import IGNORED_LABEL, mask_spans
from datamodules.batching.orders import BatchDraw
from datamodules.batching.padding import attention_mask, pad_stack
from datamodules.batching.reading import SampleReader
from datamodules.errors import validate_choice, validate_minimum
from datamodules.files.fingerprints import fingerprint_of
from datamodules.geometry import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    SAMPLE_RATE_HZ,
    frames_for_samples,
    samples_for_frames,
    samples_for_seconds,
)
from datamodules.modalities.real import FileData
from datamodules.recordings.decoding import decode
from datamodules.recordings.layouts import LAYOUTS, Layout
from datamodules.recordings.listing import list_recordings, stamp_source
from datamodules.recordings.recording import Recording

MASK_PROBABILITY = 0.8  # HuBERT's; hides some 57 % of the frames
FRAMES_AT_A_TIME = 4096  # bounds the memory of an hour's spectra
QUIETEST_DB = -60.0  # below the loudest frame
PITCH_RANGE_HZ = (300.0, 4000.0)


def label_frames(samples: Tensor, num_levels: int) -> Tensor:
    """Label every frame by its loudness and brightness.

    The label is `loudness * num_levels + brightness`, each one of `num_levels` levels: the frame's
    power in dB below the loudest frame's, and the centroid of its spectrum in mel. Made of the
    audio alone, so no model or clustering has to come first; a stand-in for k-means labels.

    Args:
        samples: (audio samples,) float32 at 16 kHz, at least one frame.
        num_levels: Levels of each of the two.

    Returns:
        (frames,) int64.
    """
    frames = samples.unfold(0, FRAME_SAMPLES, HOP_SAMPLES)
    described = [_describe(part) for part in torch.split(frames, FRAMES_AT_A_TIME)]
    power_db, centroid_mel = (torch.cat(parts) for parts in zip(*described, strict=True))
    lowest, highest = (_mel(torch.tensor(hz)) for hz in PITCH_RANGE_HZ)
    loudness = 1 - (power_db - power_db.max()) / QUIETEST_DB
    brightness = (centroid_mel - lowest) / (highest - lowest)
    return _level(loudness, num_levels) * num_levels + _level(brightness, num_levels)


def _describe(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return power in dB and spectral centroid in mel, both (frames,), of (frames, 400)."""
    power = torch.fft.rfft(frames * torch.hann_window(FRAME_SAMPLES)).abs().square() + 1e-10
    hz = torch.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE_HZ)
    total = power.sum(1)
    return 10 * total.log10(), _mel(power @ hz / total)


def _mel(hz: Tensor) -> Tensor:
    return 2595 * torch.log10(1 + hz / 700)


def _level(share: Tensor, num_levels: int) -> Tensor:
    return (share * num_levels).long().clamp(0, num_levels - 1)


class AudioReader(SampleReader):
    """Decodes recordings from their beginning, labels their frames and chooses masks.

    Args:
        recordings: The audio files.
        max_samples: Most audio samples of one that are used; None uses all.
        num_levels: Levels of loudness and of brightness that labels tell apart.
        bad_samples: Stops at a damaged one, or skips it and counts it.
    """

    def __init__(
        self,
        recordings: list[Recording],
        max_samples: int | None,
        num_levels: int,
        bad_samples: BadSamples,
    ) -> None:
        limit = math.inf if max_samples is None else max_samples
        self.recordings = recordings
        self.num_samples = [int(min(item.num_samples, limit)) for item in recordings]
        self.num_levels = num_levels
        super().__init__([frames_for_samples(count) for count in self.num_samples], bad_samples)

    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Decode one recording, cut to the exact length that is asked for.

        Returns:
            `input_values` (audio samples,) float32, `mask_time_indices` (frames,) bool and `labels`
            (frames,) int64.
        """
        wanted = self.num_samples[index]
        if draw.exact_length is not None:
            wanted = min(wanted, samples_for_frames(draw.exact_length))
        samples = decode(self.recordings[index], wanted)
        labels = label_frames(samples, self.num_levels)
        mask = mask_spans(len(labels), MASK_PROBABILITY, generator)
        return {"input_values": samples, "mask_time_indices": mask, "labels": labels}

    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Pad with silence to the longest recording, or to the exact length that is asked for.

        Returns:
            `input_values` (batch, audio samples) float32, `mask_time_indices` (batch, frames) bool,
            `labels` (batch, frames) int64, and `attention_mask` (batch, audio samples) int64 if
            anything is padded.
        """
        audio = [sample["input_values"] for sample in samples]
        longest = max(len(row) for row in audio)
        if draw.exact_length is not None:
            longest = samples_for_frames(draw.exact_length)
        frames = frames_for_samples(longest)
        masks = [sample["mask_time_indices"] for sample in samples]
        labels = [sample["labels"] for sample in samples]
        return {
            "input_values": pad_stack(audio, longest, 0.0),
            **attention_mask(audio, longest),
            "mask_time_indices": pad_stack(masks, frames, False),
            "labels": pad_stack(labels, frames, IGNORED_LABEL),
        }

    def identities(self) -> list[str]:
        """Return the names of the recordings within the source."""
        return [recording.name for recording in self.recordings]


class SpeechData(FileData):
    """Recordings for masked prediction, resampled to 16 kHz and mixed to mono.

    Lengths come from file headers; those of a manifest stand in the manifest. The labels are those
    of `label_frames`.

    Args:
        source: Folder with audio files (wav, flac, ...) at any depth, such as a LibriSpeech tree,
            or manifest (first line the root folder, the others `path<TAB>samples`, audio samples at
            16 kHz).
        layout: Kind of `source`; `auto` takes a folder with all that is in it, or a manifest,
            `librispeech` only files named speaker-chapter-utterance.flac, `datasets` a folder that
            it saved or a hub name, `name` or `name:config:split`.
        max_seconds: Longest part of a recording that is used, from its beginning; None uses all.
        num_levels: Levels of loudness and of brightness; `num_classes` is its square.
        batch_size: Recordings in a batch of a loader of one process.
        kwargs: Settings of FileData.
    """

    modality = "speech"
    label_kind = "clusters"

    def __init__(
        self,
        source: str,
        layout: Layout = "auto",
        max_seconds: float | None = None,
        num_levels: int = 8,
        batch_size: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(source, batch_size=batch_size, **kwargs)
        validate_choice("layout", layout, LAYOUTS)
        validate_minimum("num_levels", num_levels, 2)
        if max_seconds is not None:
            validate_minimum("max_seconds", max_seconds, FRAME_SAMPLES / SAMPLE_RATE_HZ)
        self.layout = layout
        self.max_seconds = max_seconds
        self.num_levels = num_levels

    @property
    def num_classes(self) -> int:
        """Number of different labels."""
        return self.num_levels**2

    @property
    def cuts_at(self) -> str | None:
        """The setting at which longer recordings are cut; None where none is."""
        return None if self.max_seconds is None else f"`max_seconds` {self.max_seconds:g}"

    def fingerprint(self) -> str:
        """Return a text that changes with the settings and with any of the files."""
        settings = ("source", "layout", "on_bad_sample", "max_seconds", "num_levels")
        stamps = stamp_source(self.source, self.layout)
        return fingerprint_of({name: getattr(self, name) for name in settings}, stamps)

    def open_reader(self) -> AudioReader:
        """List the recordings and read their headers."""
        recordings = list_recordings(self.source, self.layout, self.bad_samples, self.sampling)
        max_samples = None if self.max_seconds is None else samples_for_seconds(self.max_seconds)
        return AudioReader(recordings, max_samples, self.num_levels, self.bad_samples)
