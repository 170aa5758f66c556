"""Checkpoints that are whole or not there, wherever temporary files are."""

from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from lightning_modules.whole_files import whole_file

# Lightning takes every file with `hpc_ckpt_` in its name, a hidden one too, for what a job of SLURM
# saved at its end, and all digits behind that for its number.
UNFINISHED = "saved.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place, and gives it its name when it is complete.

    Lightning writes it into the temporary folder of the system. Where that is on another file
    system, it then copies it over the checkpoint before: killed meanwhile, a run would leave
    nothing but a torn one.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a file; Lightning itself writes what is at a URL."""
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        with whole_file(path, UNFINISHED) as unfinished, unfinished.open("wb") as file:
            torch.save(checkpoint, file)


def write_whole_checkpoints(trainer: Trainer) -> None:
    """Let a Trainer write its checkpoints so, unless somebody else writes them."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = WholeCheckpoints()
