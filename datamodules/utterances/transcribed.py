"""Recordings with transcripts, for CTC."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from datamodules.bad_samples import BadSamples
from datamodules.batching.masking import IGNORED_LABEL
from datamodules.batching.padding import pad_stack
from datamodules.errors import DataError, shown, validate_choice
from datamodules.files.finding import resolve_source
from datamodules.recordings.librispeech import SUBSETS, fetch_missing
from datamodules.recordings.recording import Recording
from datamodules.recordings.sharing import find_namesakes
from datamodules.recordings.transcripts import read_transcripts, share_table
from datamodules.utterances.alphabet import LETTERS, frames_needed, spell, validate_alphabet
from datamodules.utterances.uncropped import UncroppedReader, UncroppedSpeech

MASK_PROBABILITY = 0.75  # HuBERT's recipe for ten hours, in fairseq
SOURCES = {"train": "source", "val": "val_source", "test": "test_source"}  # settings of splits


class TranscribedReader(UncroppedReader):
    """Reads recordings and their spelled transcripts.

    Args:
        recordings: The audio files.
        texts: Their transcripts.
        alphabet: The symbols; the first is the blank.
        mask_probability: Share of the frames that masked spans of 10 frames would cover side by
            side; 0 hides nothing.
        bad_samples: Stops at a damaged one, or skips it and counts it.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        texts: Sequence[str],
        alphabet: Sequence[str],
        mask_probability: float,
        bad_samples: BadSamples,
    ) -> None:
        super().__init__(recordings, mask_probability, bad_samples)
        self.texts = texts
        self.alphabet = alphabet

    def labels(self, index: int) -> Tensor:
        """Return the symbols of a transcript, (letters,) int64."""
        name = self.recordings[index].name
        return torch.tensor(spell(self.texts[index], self.alphabet, name), dtype=torch.int64)

    def collate_labels(self, labels: list[Tensor]) -> Tensor:
        """Pad to the longest transcript with -100, (batch, letters) int64."""
        return pad_stack(labels, max(map(len, labels)), IGNORED_LABEL)


class TranscribedSpeech(UncroppedSpeech):
    """Recordings with transcripts, from LibriSpeech, a folder, a manifest or `datasets`.

    A folder or a manifest has the transcripts in a file `transcripts.tsv` in it or beside it, with
    lines `name<TAB>text`; a recording's name is its path from the folder, or in the manifest. So
    manifests in one folder must have different names for different recordings.

    A training recording with more letters than frames is left out, as CTC cannot align it.

    Args:
        source: Training recordings: a folder of audio at any depth, a manifest (first line the root
            folder, the others `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub
            name or saved folder.
        alphabet: Symbols of the transcripts, the first of them CTC's blank, whatever it is called,
            `|` the end of a word; None takes a blank, `|`, A to Z and the apostrophe.
        download: Subsets of LibriSpeech that are fetched unless they are there, such as
            [train-clean-100, dev-clean]: each must be a source, as in
            data/LibriSpeech/train-clean-100, and is fetched to there.
        mask_probability: In training, share of the frames that masked spans of 10 frames would
            cover side by side; spans overlap, so that fewer are masked; 0 masks nothing.
        kwargs: Settings of UncroppedSpeech.

    Source: Baevski et al. 2020, "wav2vec 2.0", section 4.3 and appendix B, for letters and masks;
    fairseq's recipe for HuBERT Base and ten hours for how much is hidden.
    """

    label_kind = "transcripts"

    def __init__(
        self,
        source: str,
        alphabet: list[str] | None = None,
        download: list[str] | None = None,
        mask_probability: float = MASK_PROBABILITY,
        **kwargs: Any,
    ) -> None:
        super().__init__(source, mask_probability=mask_probability, **kwargs)
        if alphabet is not None:
            validate_alphabet(alphabet)
        for subset in download or []:
            validate_choice("download", subset, SUBSETS)
        if download and self.layout != "librispeech":
            raise DataError(f"`download` needs `layout` librispeech, got {self.layout}")
        self._alphabet = list(alphabet or LETTERS)
        self.download = download or []

    @property
    def alphabet(self) -> list[str]:
        """The symbols that labels number; the first is the blank."""
        return list(self._alphabet)

    @property
    def num_classes(self) -> int:
        """Number of symbols, the blank among them."""
        return len(self._alphabet)

    def prepare_data(self) -> None:
        """Fetch the subsets of `download`; Lightning calls it in one process of a machine."""
        given = {setting: getattr(self, setting) for setting in SOURCES.values()}
        sources = [resolve_source(source, setting) for setting, source in given.items() if source]
        for subset in self.download:
            fetch_missing(subset, sources)

    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> TranscribedReader:
        """Find the transcript of every recording.

        Raises:
            DataError: One is missing, has a character that is not in the alphabet, or is that of
                another recording.
        """
        source = {"val": self.val_source, "test": self.test_source}.get(split) or self.source
        texts = read_transcripts(source, self.layout)
        missing = [recording.name for recording in recordings if recording.name not in texts]
        if missing:
            raise DataError(
                f"`source` {source} must have a transcript of every recording, "
                f"{len(missing)} of {len(recordings)} have none, the first is {missing[0]}"
            )
        found = [texts[recording.name] for recording in recordings]
        for recording, text in zip(recordings, found, strict=True):
            spell(text, self._alphabet, recording.name)
        self._refuse_shared(split, recordings)
        return TranscribedReader(
            recordings, found, self._alphabet, self.mask_probability, bad_samples
        )

    def _refuse_shared(self, split: str, recordings: list[Recording]) -> None:
        """Refuse transcripts that are those of other recordings, which have the same names.

        Manifests in one folder have one table, whatever the root folders of their recordings.
        """
        owners = {"val": ("train",), "test": ("train", "val")}.get(split, ())
        for owner in owners:
            setting, owned = SOURCES[split], SOURCES[owner]
            source, other = getattr(self, setting), getattr(self, owned)
            if not other or not share_table(source, other, self.layout):
                continue
            namesakes = find_namesakes(recordings, self.recordings_of(owner, other))
            if namesakes is not None:
                raise DataError(
                    f"`{setting}` {source} must have transcripts in a folder of its own, because "
                    f"{shown(namesakes[0].path)} has the name of {shown(namesakes[1].path)} of "
                    f"`{owned}`, which is another recording"
                )

    def reference(self, split: str, index: int) -> str:
        """Return the transcript of the recording that has this `index` in batches of a split."""
        text: str = getattr(self, f"{split}_reader").texts[index]
        return text

    def unusable(self, index: int) -> str | None:
        """Return why a training recording is left out of training, or None.

        CTC cannot align more letters than frames.
        """
        reader = self.train_reader
        letters = spell(self.reference("train", index), self._alphabet)
        if frames_needed(letters) > reader.lengths[index]:
            return "with more letters than frames"
        return super().unusable(index)
