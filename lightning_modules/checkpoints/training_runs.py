"""Checkpoints of training runs: what can be known of one before anything is trained."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule

from lightning_modules.counted import counted
from lightning_modules.errors import ModelError

# What Lightning itself understands in place of a file, in `fit`.
CHECKPOINT_WORDS = ("hpc", "last")
# What a training goes on with, beside the weights.
STATES = ("lr_schedulers", "optimizer_states")


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


def read_checkpoint(ckpt_path: str, device: str) -> dict[str, Any]:
    """Read what Lightning saved.

    Args:
        ckpt_path: A file.
        device: For the tensors; on `meta` they have shapes and no values, and none is read.

    Raises:
        ModelError: It is a file of another kind.
    """
    try:
        # Mapped into memory, a value is read when it is asked for.
        found: dict[str, Any] = torch.load(
            ckpt_path, map_location=device, weights_only=True, mmap=True
        )
        _ = found["state_dict"]
    except (RuntimeError, pickle.UnpicklingError, KeyError, TypeError) as problem:
        raise ModelError(
            f"`ckpt_path` must be a checkpoint of a training run, got {ckpt_path}, "
            "a file of another kind"
        ) from problem
    return found


def check_checkpoint(model: LightningModule, ckpt_path: str, goes_on: bool) -> None:
    """Compare a checkpoint with what it is to be loaded into; no weight is read.

    Args:
        model: To take its weights.
        ckpt_path: A file that Lightning saved.
        goes_on: Whether a training goes on from it, and not the weights alone are taken.

    Raises:
        ModelError: It has other weights, or lacks what a training goes on with.
    """
    checkpoint = read_checkpoint(ckpt_path, "meta")
    compare_weights(model, checkpoint, ckpt_path)
    if goes_on and not all(name in checkpoint for name in STATES):
        raise ModelError(
            f"`ckpt_path` must be a checkpoint that `fit` can go on from, {ckpt_path} has weights "
            "alone (`save_weights_only`): `export` it, and begin from that folder as `checkpoint`"
        )


def compare_weights(model: LightningModule, checkpoint: dict[str, Any], ckpt_path: str) -> None:
    """Raise ModelError unless a checkpoint has the model's weights, by name and shape."""
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    found = {name: value.shape for name, value in checkpoint["state_dict"].items()}
    different = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if different:
        raise ModelError(
            f"`ckpt_path` must be of a {type(model).__name__} with these settings, {ckpt_path} "
            f"differs in {counted(len(different), 'weight')}, such as {different[0]}"
        )
