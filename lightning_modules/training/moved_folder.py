"""Lets a run go on whose folder was moved, copied or mounted at another place."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class MovedFolder(Callback):
    """Tells the callbacks that save where the files of their run are now.

    Lightning knows a run by the absolute paths in its checkpoints. It takes a folder that is in
    another place for that of another run: the next figure, however bad, would replace the best
    checkpoint, and the last checkpoint would be saved under another name.

    A best checkpoint that was left behind does not count: if it did, only a better one would be
    saved.
    """

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the new place into the states of the callbacks, before they take them.

        The callback into whose folder the checkpoint is has written it. The folders of the others
        belong to the run where they lie as they did, seen from that folder.
        """
        states = checkpoint["callbacks"]
        savers = [
            each
            for each in trainer.checkpoint_callbacks
            if isinstance(each, ModelCheckpoint) and each.state_key in states
        ]
        here = os.path.realpath(os.path.dirname(str(trainer.ckpt_path)))
        old = [states[each.state_key]["dirpath"] for each in savers if _folder(each) == here]
        for each in savers if old else []:
            state = states[each.state_key]
            if os.path.relpath(state["dirpath"], old[0]) == os.path.relpath(_folder(each), here):
                _move(state, str(each.dirpath), partial(each.file_exists, trainer=trainer))


def _folder(saver: ModelCheckpoint) -> str:
    return os.path.realpath(str(saver.dirpath))


def _move(state: dict[str, Any], folder: str, is_there: Callable[[str], bool]) -> None:
    before = state["dirpath"]

    def moved(path: str) -> str:
        return folder + path.removeprefix(before) if path.startswith(f"{before}/") else path

    state |= {name: moved(state[name]) for name in PATHS if name in state}
    best = {moved(path): score for path, score in state["best_k_models"].items()}
    state["best_k_models"] = {path: score for path, score in best.items() if is_there(path)}
    state["dirpath"] = folder
