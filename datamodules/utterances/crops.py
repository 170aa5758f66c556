"""Parts of recordings with the labels of their frames, all of a batch of one length."""

from typing import Literal

import torch
from torch import Generator

from datamodules.bad_samples import BadSamples
from datamodules.base import Batch
from datamodules.batching.masking import mask_spans
from datamodules.batching.orders import BatchDraw
from datamodules.geometry import (
    HOP_SAMPLES,
    frames_for_samples,
    samples_for_frames,
    samples_for_seconds,
)
from datamodules.labels.frame_labels import FrameLabels
from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording
from datamodules.utterances.reader import UtteranceReader

Crops = Literal["anywhere", "beginning"]


class CropReader(UtteranceReader):
    """Reads a part of a recording, as long as the shortest of its batch; nothing is padded.

    HuBERT Base takes the statistics of its group norm over time, padding included; so it is trained
    without any. Crops begin on the grid of the frames, where the labels fit exactly.

    Args:
        recordings: The audio files.
        max_seconds: Longest crop; None crops none.
        labels: Labels of all frames of the recordings.
        mask_probability: Share of the frames that masked spans of 10 frames would cover side by
            side; spans overlap, so that fewer frames are masked.
        bad_samples: Stops at a damaged one, or skips it and counts it.
        crops: Where a crop begins: `anywhere`, or at the `beginning` of the recording.

    Source: HuBERT, Hsu et al. 2021, section IV-C.
    """

    def __init__(
        self,
        recordings: list[Recording],
        max_seconds: float | None,
        labels: FrameLabels,
        mask_probability: float,
        bad_samples: BadSamples,
        crops: Crops = "anywhere",
    ) -> None:
        lengths = [_used_frames(recording, max_seconds) for recording in recordings]
        super().__init__(recordings, lengths, bad_samples)
        self.labels = labels
        self.mask_probability = mask_probability
        self.crops = crops

    def read(self, index: int, draw: BatchDraw, generator: Generator) -> Batch:
        """Read a crop of `draw.shortest` frames, from a random place unless from the beginning.

        Returns:
            `input_values` (audio samples,) float32, `mask_time_indices` (frames,) bool and `labels`
            (frames,) int64.
        """
        recording = self.recordings[index]
        last_start = frames_for_samples(recording.num_samples) - draw.shortest
        last_start = 0 if self.crops == "beginning" else last_start
        start = int(torch.randint(last_start + 1, (), generator=generator))
        num_samples = samples_for_frames(draw.shortest)
        return {
            "input_values": decode(recording, num_samples, start * HOP_SAMPLES),
            "mask_time_indices": mask_spans(draw.shortest, self.mask_probability, generator),
            "labels": self.labels.labels(recording.name, start, draw.shortest),
        }

    def collate(self, samples: list[Batch], draw: BatchDraw) -> Batch:
        """Stack the crops, which are all of one length.

        Returns:
            `input_values` (batch, audio samples) float32, `mask_time_indices` (batch, frames) bool,
            `labels` (batch, frames) int64.
        """
        return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def _used_frames(recording: Recording, max_seconds: float | None) -> int:
    """Return the frames of a recording, at most those of `max_seconds`."""
    limit = recording.num_samples
    if max_seconds is not None:
        limit = min(limit, samples_for_seconds(max_seconds))
    return frames_for_samples(limit)
