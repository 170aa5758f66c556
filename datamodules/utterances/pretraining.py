"""Crops of recordings with the cluster labels of their frames, for masked prediction."""

import warnings
from functools import cached_property
from typing import Any, get_args

from datamodules.bad_samples import BadSamples
from datamodules.batching.masking import SPAN_FRAMES
from datamodules.counted import counted, counted_of
from datamodules.errors import DataError, validate_choice, validate_fraction, validate_minimum
from datamodules.geometry import SAMPLE_RATE_HZ, samples_for_frames, samples_for_seconds
from datamodules.labels.frame_labels import FrameLabels
from datamodules.labels.opening import open_labels
from datamodules.labels.sharing import refuse_shared
from datamodules.recordings.recording import Recording
from datamodules.utterances.crops import CropReader, Crops
from datamodules.utterances.training import TrainingSpeech

MASK_PROBABILITY = 0.8  # spans times their length over frames: hides some 57 % of the frames
LONGEST_CROP_SECONDS = 15.625  # 250,000 audio samples
SHORTEST_CROP_SECONDS = 2.0


class PretrainingSpeech(TrainingSpeech):
    """Recordings with the labels that `python train.py labels`, or others, made of them.

    Args:
        source: Training recordings: a folder of audio at any depth, a manifest (first line the root
            folder, the others `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub
            name or saved folder.
        labels: Their labels: a folder that `python train.py labels` wrote, or those of others: a
            file of fairseq's such as `train.km`, with `train.tsv` and `dict.km.txt` beside it, or a
            table of `datasets` with a row for every utterance: a `.parquet` or `.arrow` file, a
            saved folder, or `name:config:split` on the hub.
        val_labels: Labels of `val_source`, of the same k-means; None = `labels`, unless another
            recording of `source` has the same name there.
        test_labels: Labels of `test_source`; None = `val_labels`, with the same exception.
        num_clusters: Number of clusters; None = what the files say. A table does not say it.
        label_rate_hz: Labels of one second, 50 or 100; None = what the files say, 50 for a table.
        max_seconds: Longest crop; longer recordings are cropped, not left out.
        min_seconds: Shorter recordings are left out: all crops of a batch are as long as the
            shortest.
        mask_probability: Share of the frames that masked spans of 10 frames would cover side by
            side; spans overlap, so that fewer frames are masked.
        crops: Where crops begin: `anywhere`, or at the `beginning` of a recording, for labels that
            depend on what was said there.
        kwargs: Settings of TrainingSpeech.
    """

    label_kind = "clusters"

    def __init__(  # noqa: PLR0913 - LightningCLI reads the settings from this signature
        self,
        source: str,
        labels: str,
        val_labels: str | None = None,
        test_labels: str | None = None,
        num_clusters: int | None = None,
        label_rate_hz: int | None = None,
        max_seconds: float | None = LONGEST_CROP_SECONDS,
        min_seconds: float = SHORTEST_CROP_SECONDS,
        mask_probability: float = MASK_PROBABILITY,
        crops: Crops = "anywhere",
        **kwargs: Any,
    ) -> None:
        super().__init__(source, **kwargs)
        validate_fraction("mask_probability", mask_probability)
        validate_choice("crops", crops, get_args(Crops))
        shortest = samples_for_frames(SPAN_FRAMES) / SAMPLE_RATE_HZ
        validate_minimum("min_seconds", min_seconds, shortest)
        if max_seconds is not None:
            validate_minimum("max_seconds", max_seconds, min_seconds)
        for split, given in (("val", val_labels), ("test", test_labels)):
            if given is not None and getattr(self, f"{split}_source") is None:
                raise DataError(f"`{split}_labels` needs `{split}_source`, got none")
        self._borrows = {
            split for split, given in (("val", val_labels), ("test", test_labels)) if given is None
        }
        self.labels = labels
        self.val_labels = val_labels or labels
        self.test_labels = test_labels or self.val_labels
        self.num_clusters = num_clusters
        self.label_rate_hz = label_rate_hz
        self.max_seconds = max_seconds
        self.min_seconds = min_seconds
        self.mask_probability = mask_probability
        self.crops = crops

    def setup(self, stage: str) -> None:
        """Open the sources that are needed.

        Raises:
            DataError: Recordings are to be predicted, or their labels are missing or do not match.
        """
        if stage == "predict":  # under the names of whole recordings would stand parts of them
            raise DataError(
                "`data` must be RecordingData for `predict`, which reads recordings whole, got "
                "PretrainingSpeech, which crops them"
            )
        super().setup(stage)

    @cached_property
    def _train_labels(self) -> FrameLabels:
        return open_labels(self.labels, self.num_clusters, self.label_rate_hz)

    @property
    def num_classes(self) -> int:
        """Number of clusters."""
        return self._train_labels.facts.num_clusters

    @property
    def centroids(self) -> str | None:
        """Hash of the k-means that made the labels; None where nobody knows it."""
        return self._train_labels.facts.centroids

    @property
    def cuts_at(self) -> str | None:
        """The setting at which longer recordings are cut; None where none is."""
        return None if self.max_seconds is None else f"`max_seconds` {self.max_seconds:g}"

    @property
    def length_notes(self) -> list[str]:
        """What to know of `lengths`, in sentences without a full stop."""
        return [
            *super().length_notes,
            "all crops of a batch are as long as the shortest of them, so that nothing is padded",
        ]

    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> CropReader:
        """Check the labels of a split against its recordings.

        Raises:
            DataError: Labels are missing, do not match the audio, or are of another k-means; or
                all recordings are too short.
        """
        labels = self._labels_of(split)
        shortest = samples_for_seconds(self.min_seconds)
        long_enough = [each for each in recordings if each.num_samples >= shortest]
        if not long_enough:
            raise DataError(
                f"`min_seconds` {self.min_seconds:g} leaves none of "
                f"{counted(len(recordings), 'recording')}"
            )
        short = [each.path for each in recordings if each.num_samples < shortest]
        bad_samples.leave_out(short, f"shorter than `min_seconds` {self.min_seconds:g}")
        if short:
            verbs = ("is left out: it is", "are left out: they are")
            told = counted_of(len(short), len(recordings), "recording", *verbs)
            warnings.warn(f"{told} shorter than `min_seconds` {self.min_seconds:g}", stacklevel=2)
        if bad_samples.policy == "skip":  # a damaged recording was not labelled either
            long_enough = _labelled(long_enough, labels, bad_samples)
        labels.check(long_enough)
        if split in self._borrows:
            self._check_borrowed(split, long_enough, labels)
        return CropReader(
            long_enough, self.max_seconds, labels, self.mask_probability, bad_samples, self.crops
        )

    def _labels_of(self, split: str) -> FrameLabels:
        folder = self._folder_of(split)
        if folder == self.labels:
            return self._train_labels
        found = open_labels(folder, self.num_clusters, self.label_rate_hz)
        self._compare(split, found)
        return found

    def _folder_of(self, split: str) -> str:
        return {"val": self.val_labels, "test": self.test_labels}.get(split, self.labels)

    def _check_borrowed(self, split: str, recordings: list[Recording], labels: FrameLabels) -> None:
        """Refuse labels that were given for another source alone, whose recordings have them."""
        for owner, setting in (("train", "source"), ("val", "val_source")):
            source = getattr(self, setting)
            if owner == split or source is None or self._folder_of(owner) != self._folder_of(split):
                continue
            try:
                others = self.recordings_of(owner, source)
            except DataError as error:
                raise DataError(
                    f"`{split}_labels` must be given, because nobody can tell whether those of "
                    f"{source} are its own: {error}"
                ) from error
            refuse_shared(labels, split, recordings, setting, others)

    def _compare(self, split: str, found: FrameLabels) -> None:
        """Refuse labels of another k-means; of labels of others only its size may be known."""
        stated, expected = found.facts.centroids, self.centroids
        if None not in (stated, expected) and stated != expected:
            raise DataError(
                f"`{split}_labels` must be of the k-means {expected} as `labels` is, got "
                f"{stated} in {found.path}"
            )
        if found.facts.num_clusters != self.num_classes:
            raise DataError(
                f"`{split}_labels` must be of {counted(self.num_classes, 'cluster')} as `labels` "
                f"is, got {found.facts.num_clusters} in {found.path}"
            )


def _labelled(
    recordings: list[Recording], labels: FrameLabels, bad_samples: BadSamples
) -> list[Recording]:
    """Return the recordings that have labels, and say how many have none."""
    found = [recording for recording in recordings if recording.name in labels]
    if not found:
        raise DataError(
            f"`labels` {labels.path} has none of the {counted(len(recordings), 'recording')}"
        )
    bare = [recording.path for recording in recordings if recording.name not in labels]
    bad_samples.leave_out(bare, "without labels")
    if bare:
        verbs = ("is left out: it has", "are left out: they have")
        told = counted_of(len(bare), len(recordings), "recording", *verbs)
        warnings.warn(f"{told} no labels in {labels.path}", stacklevel=3)
    return found
