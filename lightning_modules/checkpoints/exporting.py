"""From a checkpoint of Lightning to a folder that transformers loads."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from lightning_modules.checkpoints.pretrained import untrained_weights
from lightning_modules.checkpoints.training_runs import compare_weights, read_checkpoint
from lightning_modules.checkpoints.vocabulary import write_vocabulary
from lightning_modules.errors import ModelError
from lightning_modules.whole_files import whole_folder


def export(module: Any, ckpt_path: str | None, folder: str) -> list[str]:
    """Write the model of a module to a folder for `from_pretrained`, whole or not at all.

    A model that spells gets a `vocab.json`, as transformers' CTC tokenizers read it. What is still
    random of a model that began from a `checkpoint` is left out: in the folder it would pass for
    trained.

    Args:
        module: Has a model of transformers as `model`.
        ckpt_path: Checkpoint with its weights; None exports what the module was built with, as in
            converting a HuBERT to an L-HuBERT.
        folder: Made, or replaced if it is an exported model.

    Returns:
        The names of the weights that are left out.

    Raises:
        ModelError: The checkpoint is of another model, the module has no such model or has left
            layers of it out, or the folder holds something else.
    """
    model = getattr(module, "model", None)
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"`model` must have a model of transformers to export, got {type(module).__name__}"
        )
    _refuse_cut(model)
    target = Path(folder)
    if target.exists() and any(target.iterdir()) and not (target / "config.json").exists():
        raise ModelError(f"`folder` must be new or an exported model, got {folder}")
    left_out = untrained_weights(model)
    if ckpt_path is not None:
        _load(module, ckpt_path)
        left_out = []
    weights = {k: v for k, v in model.state_dict().items() if k not in left_out}
    with whole_folder(target) as whole:
        model.save_pretrained(whole, state_dict=weights if left_out else None)
        if alphabet := getattr(module, "alphabet", None):
            write_vocabulary(alphabet, whole)
    return left_out


def _refuse_cut(model: PreTrainedModel) -> None:
    """Refuse a model with fewer layers than its configuration: the rest would load as random."""
    layers = getattr(getattr(model.base_model, "encoder", None), "layers", None)
    wanted = model.config.num_hidden_layers
    if layers is not None and len(layers) != wanted:
        raise ModelError(
            f"`layer` must be left out or {wanted} for `export`, which writes whole models, got "
            f"{len(layers)}"
        )


def _load(module: Any, ckpt_path: str) -> None:
    checkpoint = read_checkpoint(ckpt_path, "cpu")
    module.on_load_checkpoint(checkpoint)
    compare_weights(module, checkpoint, ckpt_path)
    module.load_state_dict(checkpoint["state_dict"])
