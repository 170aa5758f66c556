"""Writes what `python train.py predict` finds: transcripts in one file, features in one each."""

import json
import os
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

PART = ".transcripts-{rank}.jsonl.partial"


class PredictionFiles(Callback):
    """Writes predictions as they come; nothing of a recording is kept in memory.

    A module returns a list with one entry per recording: a transcript, which becomes a line
    `name<TAB>text` of `transcripts.tsv`, in the order of the source, or features, an array
    (frames, size) that becomes `<name>.npy`, as in `a.wav.npy`, at the same place in the folder as
    the recording has in its own. Names come from the datamodule. A file has its name only when it
    is complete.

    Args:
        folder: Made if need be.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_predict_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Make the folder, and drop what an earlier run left unfinished."""
        self.folder.mkdir(parents=True, exist_ok=True)
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
        recordings = trainer.datamodule.predict_reader.recordings  # type: ignore[attr-defined]
        for index, output in zip(batch["index"].tolist(), outputs, strict=True):
            if isinstance(output, str):
                with self._part(trainer.global_rank).open("a", encoding="utf-8") as file:
                    file.write(json.dumps([index, recordings[index].name, output]) + "\n")
            else:
                self._write_features(recordings[index].name, output)

    def on_predict_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Join the transcripts of all processes."""
        trainer.strategy.barrier()
        if not trainer.is_global_zero:
            return
        parts = [self._part(rank) for rank in range(trainer.world_size)]
        found = [part for part in parts if part.exists()]
        if not found:
            return
        lines = [json.loads(line) for part in found for line in part.open(encoding="utf-8")]
        unfinished = self.folder / ".transcripts.tsv.partial"
        text = "".join(f"{name}\t{transcript}\n" for _, name, transcript in sorted(lines))
        unfinished.write_text(text, encoding="utf-8", errors="surrogateescape")
        os.replace(unfinished, self.folder / "transcripts.tsv")
        for part in found:
            part.unlink()

    def _write_features(self, name: str, features: Any) -> None:
        path = self.folder / f"{name}.npy"
        if not path.resolve().is_relative_to(self.folder.resolve()):  # an absolute name, or ../
            path = self.folder / f"{name.replace('/', '-').replace('..', '')}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.partial")
        values = features.float().cpu().numpy() if torch.is_tensor(features) else features
        with unfinished.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        os.replace(unfinished, path)

    def _part(self, rank: int) -> Path:
        return self.folder / PART.format(rank=rank)
