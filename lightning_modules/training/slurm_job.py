"""Which job of SLURM saved a checkpoint: Lightning lets every other one go on from it, too."""

import os
from collections.abc import Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

KEY = "slurm_job"


class SlurmJob(Callback):
    """Notes the job in the checkpoints of its training.

    At the end of a job's time Lightning saves one whatever the job is at, such as a test, from
    which no training can go on.
    """

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note the number, which a job keeps when SLURM begins it again."""
        job = os.environ.get("SLURM_JOB_ID")
        if job is not None and trainer.state.fn == TrainerFn.FITTING:
            checkpoint[KEY] = job


def is_of_this_job(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether the job that this process is part of saved a checkpoint as it trained."""
    return KEY in checkpoint and checkpoint[KEY] == os.environ.get("SLURM_JOB_ID")
