"""Writes what `python train.py predict` finds: transcripts in one file, features in one each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock
from lightning_modules.whole_files import whole_file


class Named(Protocol):
    """A recording."""

    @property
    def name(self) -> str:
        """Its path in its folder, or what the manifest calls it."""


class Reader(Protocol):
    """All recordings of a source, in its order."""

    @property
    def recordings(self) -> Sequence[Named]:
        """Counted by `index` of a batch."""


class PredictedData(Protocol):
    """What is asked of a datamodule, which belongs to a package that this one never imports."""

    @property
    def predict_reader(self) -> Reader:
        """The source that is predicted."""


PART = ".transcripts-{rank}.jsonl.partial"


class PredictionFiles(Callback):
    """Writes predictions as they come; nothing of a recording is kept in memory.

    A module returns a list with one entry per recording: a transcript, which becomes a line
    `name<TAB>text` of `transcripts.tsv`, in the order of the source, or features, an array
    (frames, size) that becomes `<name>.npy`, as in `a.wav.npy`, at the same place in the folder as
    the recording has in its own. Names come from the datamodule. A file has its name only when it
    is complete.

    Lightning's own BasePredictionWriter would give the place of every recording in the data, if it
    found it out; of loaders like ours it only warns that it cannot. It is in the batch anyway.

    Args:
        folder: Made if need be.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._lock: FolderLock | None = None

    def on_predict_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Make the folder, and drop what an earlier run left unfinished.

        Raises:
            ModelError: Another process predicts into it.
        """
        if trainer.is_global_zero:
            self._lock = FolderLock(self.folder)
        self._part(trainer.global_rank).unlink(missing_ok=True)

    def on_predict_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the predictions of one batch."""
        if not batch:
            return
        data: PredictedData = trainer.datamodule  # type: ignore[attr-defined]
        recordings = data.predict_reader.recordings
        for index, output in zip(batch["index"].tolist(), outputs, strict=True):
            if isinstance(output, str):
                _check_line(recordings[index].name, output)
                with self._part(trainer.global_rank).open("a", encoding="utf-8") as file:
                    file.write(json.dumps([index, recordings[index].name, output]) + "\n")
            else:
                self._write_features(recordings[index].name, output)

    def on_predict_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Join the transcripts of all processes."""
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            self._join(trainer.world_size)

    def teardown(self, trainer: lightning.Trainer, pl_module: Any, stage: str) -> None:
        """Let others write into the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException
    ) -> None:
        """Do the same after a mistake."""
        self.teardown(trainer, pl_module, "predict")

    def _join(self, world_size: int) -> None:
        parts = [self._part(rank) for rank in range(world_size)]
        found = [part for part in parts if part.exists()]
        if not found:
            return
        lines = [
            json.loads(line)
            for part in found
            for line in part.read_text("utf-8").split("\n")
            if line
        ]
        text = "".join(f"{name}\t{transcript}\n" for _, name, transcript in sorted(lines))
        with whole_file(self.folder / "transcripts.tsv") as unfinished:
            unfinished.write_text(text, encoding="utf-8", errors="surrogateescape")
        for part in found:
            part.unlink()

    def _write_features(self, name: str, features: Tensor) -> None:
        path = self.folder / f"{name}.npy"
        if not path.resolve().is_relative_to(self.folder.resolve()):  # an absolute name, or ../
            path = self.folder / f"{name.replace('/', '-').replace('..', '')}.npy"
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            np.save(file, features.float().cpu().numpy(), allow_pickle=False)

    def _part(self, rank: int) -> Path:
        return self.folder / PART.format(rank=rank)


def _check_line(name: str, text: str) -> None:
    """Refuse what cannot stand in a line `name<TAB>text`, whichever line ends a reader knows.

    Raises:
        ModelError: The name or the text has a tab or a line end.
    """
    for part in (name, text):
        if "\t" in part or part.splitlines() not in ([], [part]):
            raise ModelError(
                f"a recording in `transcripts.tsv` must have no tab and no line end, got {part!r}"
            )
