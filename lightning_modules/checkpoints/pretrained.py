"""Pre-trained weights: loading them safely, and growing their position tables."""

import copy
import pickle
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig

from lightning_modules.errors import ModelError

# Fields of a configuration that name its class.
OF_THE_CLASS = ("architectures", "model_type")
# What loading weights raises: no such file, cut short, no archive, other shapes.
LOADING_ERRORS = (
    *(OSError, SafetensorError, pickle.UnpicklingError, EOFError, ValueError, RecursionError),
)
DAMAGED_ARCHIVE = "PytorchStreamReader"  # in the message of a RuntimeError


def load_pretrained(
    model_class: Any,
    checkpoint: str,
    fields: dict[str, Any],
    optional: tuple[str, ...] = (),
    converted: tuple[str, ...] = (),
) -> Any:
    """Load a folder or hub name in float32, with some fields of its configuration replaced.

    Args:
        model_class: Class of transformers to build.
        checkpoint: Folder or hub name. What it had not is random; `random_weights` of the model
            names it, and `random_optional` what of that is optional.
        fields: Fields of the configuration that are not the checkpoint's.
        optional: Weights of the backbone that may be missing. A head, where `model_class` has one,
            always may, or be of another shape: it is random then.
        converted: Further model types whose weights have the same names; `converted_from` of the
            model is the one that the checkpoint is of, None where it is of the model's own type.

    Raises:
        ModelError: There is no such checkpoint, it is damaged, of another architecture, or lacks
            weights of the backbone; or a field is wrong.
    """
    saved = read_config(checkpoint)
    config = replace_fields(saved, model_class, checkpoint, fields, converted)
    try:
        model, report = model_class.from_pretrained(
            checkpoint,
            config=config,
            dtype=torch.float32,
            weights_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except ModelError:  # of a setting: it is a ValueError, too
        raise
    except (*LOADING_ERRORS, RuntimeError) as error:
        if not isinstance(error, LOADING_ERRORS) and DAMAGED_ARCHIVE not in str(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"`checkpoint` {checkpoint!r} holds no weights that load: {reason}") from (
            error
        )
    _check_loaded(model, checkpoint, report, optional)
    absent = _absent(report)
    model.random_weights = sorted(absent - set(optional))
    model.random_optional = sorted(absent.intersection(optional))
    model.converted_from = saved.model_type if saved.model_type in converted else None
    # Loaded models come in evaluation mode, and Lightning's Trainer keeps the mode it is given.
    return model.train()


def read_config(checkpoint: str) -> Any:
    """Read the configuration of a folder or hub name; code that it comes with never runs.

    Raises:
        ModelError: There is no such checkpoint, or its configuration is damaged or needs such code.
    """
    try:
        return AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    except ModelError as error:
        raise ModelError(
            f"`checkpoint` {checkpoint!r} has a configuration that is wrong: {error}"
        ) from error
    except (OSError, StrictDataclassError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"`checkpoint` must be a folder or hub name of a transformers model, got {checkpoint!r}"
        ) from error


def replace_fields(
    config: Any,
    model_class: Any,
    checkpoint: str,
    fields: dict[str, Any],
    converted: tuple[str, ...] = (),
) -> Any:
    """Return the configuration of a model that a checkpoint is to be loaded into.

    Args:
        config: Of the checkpoint.
        model_class: Class of transformers to build.
        checkpoint: Folder or hub name.
        fields: Fields of the configuration that are not the checkpoint's.
        converted: Further model types whose weights have the same names.

    Raises:
        ModelError: The checkpoint is of another architecture.
    """
    expected = model_class.config_class.model_type
    if config.model_type in converted:
        given = {k: v for k, v in config.to_dict().items() if k not in OF_THE_CLASS}
        config = model_class.config_class(**given)
    if config.model_type != expected:
        raise ModelError(
            f"`checkpoint` must hold a {expected} model, "
            f"got a {config.model_type} model in {checkpoint!r}"
        )
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def _check_loaded(
    model: Any, checkpoint: str, report: dict[str, Any], optional: tuple[str, ...]
) -> None:
    """Refuse a model of which a part stayed random without anybody asking for it."""
    prefix = f"{model.base_model_prefix}."
    has_head = hasattr(model, model.base_model_prefix)
    lacking = sorted(
        name for name in _absent(report) - set(optional) if name.startswith(prefix) or not has_head
    )
    if lacking:
        raise ModelError(
            f"`checkpoint` {checkpoint!r} must have all weights of the model, it lacks "
            f"{len(lacking)} or has them in another shape, such as {lacking[0]}"
        )


def _absent(report: dict[str, Any]) -> set[str]:
    """Return the weights that a checkpoint lacks, or has in another shape."""
    return {*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])}


def untrained_weights(model: Any) -> list[str]:
    """Return the weights that a model's checkpoint had not, and that nobody has trained since."""
    return [*getattr(model, "random_weights", ()), *getattr(model, "random_optional", ())]


def count_as_trained(model: Any) -> None:
    """Let no weight of a model count as random from here on."""
    model.random_weights = model.random_optional = []


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
    return with_loaded(grown, model, weights)


def with_loaded(built: Any, loaded: Any, weights: dict[str, Tensor]) -> Any:
    """Return a model that was built anew with the weights of a loaded one.

    Args:
        built: Of the same class, by another configuration.
        loaded: Knows which of its weights its checkpoint had not; so will the other one.
        weights: All that the model has.
    """
    built.load_state_dict(weights)
    built.random_weights, built.random_optional = loaded.random_weights, loaded.random_optional
    return built.train()


def _repeat_rows(table: Tensor, num_rows: int, first_position: int) -> Tensor:
    learned = table.shape[0] - first_position
    rows = torch.arange(num_rows)
    rows[first_position:] = first_position + (rows[first_position:] - first_position) % learned
    return table[rows]
