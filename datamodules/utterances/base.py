"""The part that all data of recordings share: a source and its reader."""

import json
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from lightning import LightningDataModule
from lightning.pytorch.utilities import rank_zero_info

from datamodules.bad_samples import BadSamples
from datamodules.errors import DataError, validate_choice, validate_minimum
from datamodules.files.writing import write_text
from datamodules.lengths import LengthDistribution
from datamodules.nesting import parse_json
from datamodules.recordings.layouts import LAYOUTS, Layout
from datamodules.recordings.listing import list_recordings
from datamodules.recordings.recording import Recording
from datamodules.sampling import Sampling
from datamodules.utterances.account import Account
from datamodules.utterances.lengths import distribution_of
from datamodules.utterances.reader import UtteranceReader

ACCOUNT_FILE = "recordings.json"
TRAINED = "train"


class UtteranceData(LightningDataModule, ABC):
    """Recordings of one source, to predict of or to train on.

    What was found, taken and left out of every source stands in `recordings.json` beside the logs.

    Args:
        source: Folder of audio at any depth, manifest (first line the root folder, the others
            `path<TAB>samples`, audio samples at 16 kHz), or a `datasets` hub name or saved folder.
        layout: Kind of every source; `auto` takes a folder or a manifest, `librispeech` only files
            named speaker-chapter-utterance.flac, `datasets` a folder that it saved or a hub name,
            `name` or `name:config:split`.
        on_bad_sample: `stop` at a damaged file or manifest line, or `skip` it and count it.
        num_workers: Processes of a loader; 0 loads in the main one.
        seed: Chooses orders, crops and masks.

    Attributes:
        sampling: Which recordings are looked at, and who hears of it; to be set before first use.
    """

    modality = "speech"
    label_kind: str | None = None  # what its labels are, as modules call it that learn from them

    def __init__(
        self,
        source: str,
        layout: Layout = "auto",
        on_bad_sample: Literal["stop", "skip"] = "stop",
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        validate_choice("layout", layout, LAYOUTS)
        validate_minimum("num_workers", num_workers, 0)
        validate_minimum("seed", seed, 0)
        self.source = source
        self.layout = layout
        self.on_bad_sample = on_bad_sample
        self.num_workers = num_workers
        self.seed = seed
        self.sampling = Sampling()
        self._accounts: list[Account] = []

    def __str__(self) -> str:
        return f"recordings of {self.source}"  # Lightning would build all loaders to describe them

    @abstractmethod
    def make_reader(
        self, split: str, recordings: list[Recording], bad_samples: BadSamples
    ) -> UtteranceReader:
        """Make the reader of a split: `train`, `val`, `test` or `predict`.

        Raises:
            DataError: Labels or transcripts of the recordings are missing or do not match.
        """

    @cached_property
    def predict_reader(self) -> UtteranceReader:
        """The opened source, for `labels` and `predict`."""
        return self.open_reader("predict", self.source)

    @property
    def skipped(self) -> list[str]:
        """Messages that name the recordings this process has left out, damaged or short ones."""
        return [each for account in self._accounts for each in account.bad_samples.skipped]

    @property
    def cuts_at(self) -> str | None:
        """The setting at which longer recordings are cut, in `lengths` too; None where none is."""
        return None

    @property
    def length_notes(self) -> list[str]:
        """What to know of `lengths`, in sentences without a full stop."""
        return []

    def lengths(self) -> LengthDistribution:
        """Return the lengths in frames of the recordings of `source`, decoding nothing."""
        reader = self.predict_reader
        indices = range(len(reader.lengths))
        return distribution_of(self.source, reader, indices, sampled=self.sampling.sampled)

    def open_reader(self, split: str, source: str) -> UtteranceReader:
        """List the recordings of a source and make the reader of a split.

        Raises:
            DataError: There are no recordings, or labels or transcripts of them do not match.
        """
        bad_samples = BadSamples(self.on_bad_sample)
        recordings = list_recordings(source, self.layout, bad_samples, self.sampling)
        if not recordings:
            raise DataError(f"`source` {source} holds no recordings that can be used")
        found = len(recordings) + bad_samples.count_left_out
        reader = self.make_reader(split, recordings, bad_samples)
        self._accounts.append(Account(split, source, found, bad_samples))
        return reader

    def teardown(self, stage: str) -> None:
        """Say what was taken of every source, also in `recordings.json` beside the logs.

        The file keeps what runs before have said of other splits, and what a training said of its
        own. Of a damaged recording only the process knows that has read it: of several, the file
        has what the first one left out, of a run that went on, what was left out since.
        """
        trainer: Any = self.trainer
        if trainer is None or not trainer.is_global_zero or not self._accounts:
            return
        for account in self._accounts:
            rank_zero_info(str(account))
        folders = (getattr(logger, "log_dir", None) for logger in trainer.loggers)
        if folder := next(filter(None, folders), None):
            facts = {account.split: account.to_dict() for account in self._accounts}
            Path(folder).mkdir(parents=True, exist_ok=True)
            path = Path(folder, ACCOUNT_FILE)
            before = _read_account(path)
            if stage != "fit":
                facts |= {split: before[split] for split in before if split == TRAINED}
            write_text(path, json.dumps(before | facts, indent=2) + "\n")


def _read_account(path: Path) -> dict[str, Any]:
    """Return what runs before have said, by split; nothing where that cannot be read."""
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
