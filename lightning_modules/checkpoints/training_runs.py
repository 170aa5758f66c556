"""Checkpoints of training runs: what can be known of one before anything is trained."""

import pickle
import zipfile
from pathlib import Path

import torch
from lightning import LightningModule

from lightning_modules.counted import counted
from lightning_modules.errors import ModelError

# What Lightning itself understands in place of a file, in `fit`.
CHECKPOINT_WORDS = ("hpc", "last")


def validate_checkpoint(ckpt_path: str | None, subcommand: str) -> None:
    """Raise ModelError unless there is a whole checkpoint: a folder, or what `torch.save` wrote.

    A file that was cut short is no zip archive, whose contents stand at its end.
    """
    words = CHECKPOINT_WORDS if subcommand == "fit" else ()
    if ckpt_path is None or ckpt_path in words or Path(ckpt_path).is_dir():
        return
    if not Path(ckpt_path).exists():
        problem = "which does not exist"
    elif not zipfile.is_zipfile(ckpt_path):
        problem = "a file that is damaged or of another kind"
    else:
        return
    listed = f" or one of {', '.join(words)}" if words else ""
    raise ModelError(f"`ckpt_path` must be a checkpoint{listed}, got {ckpt_path}, {problem}")


def compare_weights(model: LightningModule, ckpt_path: str) -> None:
    """Raise ModelError unless a checkpoint has the model's weights; none of them is read."""
    try:
        weights = torch.load(ckpt_path, map_location="meta", weights_only=True)["state_dict"]
    except (RuntimeError, pickle.UnpicklingError, KeyError, TypeError) as problem:
        raise ModelError(
            f"`ckpt_path` must be a checkpoint of a training run, got {ckpt_path}, "
            "a file of another kind"
        ) from problem
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    found = {name: value.shape for name, value in weights.items()}
    different = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if different:
        raise ModelError(
            f"`ckpt_path` must be of a {type(model).__name__} with these settings, {ckpt_path} "
            f"differs in {counted(len(different), 'weight')}, such as {different[0]}"
        )
