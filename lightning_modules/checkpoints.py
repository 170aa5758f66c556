"""Pre-trained weights: loading them safely, and growing their position tables."""

import copy
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig

from lightning_modules.errors import ModelError


def load_pretrained(
    model_class: Any, checkpoint: str, fields: dict[str, Any], **options: Any
) -> Any:
    """Load a folder or hub name in float32, with some fields of its configuration replaced.

    Raises:
        ModelError: There is no such checkpoint, or it is of another architecture.
    """
    try:
        config = AutoConfig.from_pretrained(checkpoint)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"`checkpoint` must be a folder or hub name of a transformers model, got {checkpoint!r}"
        ) from error
    expected = model_class.config_class.model_type
    if config.model_type != expected:
        raise ModelError(
            f"`checkpoint` must hold a {expected} model, "
            f"got a {config.model_type} model in {checkpoint!r}"
        )
    for name, value in fields.items():
        setattr(config, name, value)
    try:
        model = model_class.from_pretrained(
            checkpoint, config=config, dtype=torch.float32, weights_only=True, **options
        )
    except OSError as error:
        raise ModelError(f"`checkpoint` {checkpoint!r} holds no weights that load") from error
    # Loaded models come in evaluation mode, and Lightning's Trainer keeps the mode it is given.
    return model.train()


def grow_positions(
    model: Any, max_position_embeddings: int, table_name: str, first_position: int
) -> Any:
    """Rebuild a model with a longer position table; new rows repeat the learned ones in order.

    Args:
        model: Loaded model.
        max_position_embeddings: The field's new value; nothing happens when it is not larger.
        table_name: Name of the table in the state dict.
        first_position: Row of the first token; the rows before it are not repeated.

    Source: Longformer, Beltagy et al. 2020, section 5.
    """
    if max_position_embeddings <= model.config.max_position_embeddings:
        return model
    config = copy.deepcopy(model.config)
    config.max_position_embeddings = max_position_embeddings
    grown = type(model)(config)
    weights = model.state_dict()
    num_rows = grown.state_dict()[table_name].shape[0]
    weights[table_name] = _repeat_rows(weights[table_name], num_rows, first_position)
    grown.load_state_dict(weights)
    return grown.train()


def _repeat_rows(table: Tensor, num_rows: int, first_position: int) -> Tensor:
    learned = table.shape[0] - first_position
    rows = torch.arange(num_rows)
    rows[first_position:] = first_position + (rows[first_position:] - first_position) % learned
    return table[rows]
