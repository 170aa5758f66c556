"""Writes what `python train.py predict` finds: texts in one file, arrays in a file each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock, take_in_first
from lightning_modules.speech.feature_paths import feature_path
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

    A module returns a list with one entry per recording: a transcript, or a class, which becomes a
    line `name<TAB>text` of `transcripts.tsv`, in the order of the source, or an array of features,
    (frames, size) float32, or of clusters, (frames,) int64, in a file that `feature_path` names,
    usually `<name>.npy`, at the same place in the folder as the recording has in its own. Names
    come from the datamodule. A file has its name only when it is complete.

    Lightning's own BasePredictionWriter would give the place of every recording in the data, if it
    found it out; of loaders like ours it only warns that it cannot. It is in the batch anyway.

    Args:
        folder: Made if need be.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._lock: FolderLock | None = None
        self._is_renaming = False
        self._names_are_checked = False

    def on_predict_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Make the folder, and drop what an earlier run left unfinished.

        Raises:
            ModelError: Another run predicts into it.
        """
        self._lock = take_in_first(trainer, self._take)

    def _take(self) -> FolderLock:
        """Lock the folder and clear it: without the lock, unfinished files are of a run at work."""
        lock = FolderLock(self.folder)
        for part in self.folder.glob(PART.format(rank="*")):
            part.unlink()
        return lock

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
                self._check_names(recordings)
                _check_line(output)
                with self._part(trainer.global_rank).open("a", encoding="utf-8") as file:
                    file.write(json.dumps([index, recordings[index].name, output]) + "\n")
            else:
                self._write_array(recordings[index].name, output)

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

    def _check_names(self, recordings: Sequence[Named]) -> None:
        """Refuse names before anything is transcribed in vain."""
        if not self._names_are_checked:
            for recording in recordings:
                _check_line(recording.name)
            self._names_are_checked = True

    def _write_array(self, name: str, array: Tensor) -> None:
        path = feature_path(self.folder, name)
        if not self._is_renaming and path != self.folder / f"{name}.npy":
            self._is_renaming = True
            rank_zero_warn(
                "recordings whose names lead out of their folder or are too long are written to "
                f"files of another name, such as {name!r} in {path.name}"
            )
        if array.is_floating_point():
            array = array.float()  # NumPy has no bfloat16
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            np.save(file, array.cpu().numpy(), allow_pickle=False)

    def _part(self, rank: int) -> Path:
        return self.folder / PART.format(rank=rank)


def _check_line(part: str) -> None:
    """Refuse a name or a text that cannot stand in a line `name<TAB>text`.

    Raises:
        ModelError: It has a tab, or what any reader takes for a line end.
    """
    if "\t" in part or part.splitlines() not in ([], [part]):
        raise ModelError(
            f"a recording in `transcripts.tsv` must have no tab and no line end, got {part!r}"
        )
