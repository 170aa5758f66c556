"""Recordings with transcripts, for CTC."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from datamodules.bad_samples import BadSamples
from datamodules.batching.masking import IGNORED_LABEL
from datamodules.batching.padding import pad_stack
from datamodules.errors import DataError, validate_choice
from datamodules.files.finding import resolve_source
from datamodules.recordings.librispeech import SUBSETS, download
from datamodules.recordings.recording import Recording
from datamodules.recordings.transcripts import read_transcripts
from datamodules.utterances.alphabet import LETTERS, frames_needed, spell, validate_alphabet
from datamodules.utterances.uncropped import UncroppedReader, UncroppedSpeech

MASK_PROBABILITY = 0.75  # HuBERT's recipe for ten hours, in fairseq


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
    lines `name<TAB>text`; a recording's name is its path from the folder, or in the manifest. A
    training recording with more letters than frames is left out, as CTC cannot align it.

    Args:
        source: Training recordings: a folder of audio at any depth, a manifest (first line the root
            folder, the others `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub
            name or saved folder.
        alphabet: Symbols of the transcripts, the first of them CTC's blank, whatever it is called,
            `|` the end of a word; None takes a blank, `|`, A to Z and the apostrophe.
        download: Subsets of LibriSpeech that are fetched unless they are there, such as
            [train-clean-100, dev-clean], into the folder that holds the folder LibriSpeech of
            `source`, as in data/LibriSpeech/train-clean-100.
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
        source = resolve_source(self.source)
        above = [path.parent for path in (source, *source.parents) if path.name == "LibriSpeech"]
        for subset in self.download:
            download(subset, str(above[0] if above else source))

    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> TranscribedReader:
        """Find the transcript of every recording.

        Raises:
            DataError: One is missing, or has a character that is not in the alphabet.
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
        return TranscribedReader(
            recordings, found, self._alphabet, self.mask_probability, bad_samples
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
