"""HuBERT and L-HuBERT for every task of training, from random weights or a checkpoint."""

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import (
    AutoFeatureExtractor,
    HubertForCTC,
    HubertForSequenceClassification,
    HubertModel,
)

from lightning_modules.attention.unpadded import NAME as UNPADDED
from lightning_modules.attention.unpadded import unpad
from lightning_modules.checkpoints.pretrained import (
    load_pretrained,
    read_config,
    replace_fields,
)
from lightning_modules.class_swaps import swap_class
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    HubertForPreTraining,
    LHubertForCTC,
    LHubertForPreTraining,
    LHubertForSequenceClassification,
    LHubertModel,
)
from lightning_modules.lhubert.conversion import MASK_VECTORS
from lightning_modules.lhubert.features import ChunkedFeatureEncoder
from lightning_modules.lhubert.fields import explained_fields, validate_config, validate_fields
from lightning_modules.lhubert.masking import mask_in_place
from lightning_modules.sizes import CONV_WIDTHS, ENCODER_SIZES, NUM_CONV_LAYERS
from lightning_modules.variants import find_variant, validate_settings

# By task, for plain HuBERT and for L-HuBERT.
CLASSES: dict[str, tuple[Any, Any]] = {
    "encoder": (HubertModel, LHubertModel),
    "pretraining": (HubertForPreTraining, LHubertForPreTraining),
    "ctc": (HubertForCTC, LHubertForCTC),
    "classification": (HubertForSequenceClassification, LHubertForSequenceClassification),
}


@dataclass(frozen=True)
class SpeechModelSettings:
    """Which model to train.

    Args:
        variant: "hubert" or "lhubert".
        size: "base" (as published), "wide", "small" or "tiny"; a checkpoint has its own.
        attention_window: Total width in frames, even, one for all layers or one per layer; only for
            lhubert; None = the checkpoint's, or 100.
        implementation: Attention kernel; None = the variant's default.
        checkpoint: Folder or hub name of a HuBERT or L-HuBERT; None = random weights. A head that
            it has not, or of another shape, is random.
        model_fields: Fields of the transformers configuration to replace, such as `layerdrop`.
    """

    variant: str = "hubert"
    size: str = "tiny"
    attention_window: int | list[int] | None = None
    implementation: str | None = None
    checkpoint: str | None = None
    model_fields: dict[str, Any] = field(default_factory=dict)


def build_speech_model(task: str, settings: SpeechModelSettings, **defaults: Any) -> Any:
    """Build a model of transformers in float32 and training mode.

    Args:
        task: One of `CLASSES`.
        settings: Which model.
        defaults: Fields of the configuration that the task wants, unless the settings have them.

    Raises:
        ModelError: A setting is wrong, or the checkpoint is missing, damaged or of another model.
    """
    _validate(settings)
    is_local = settings.variant == "lhubert"
    model_class = CLASSES[task][is_local]
    fields = defaults | settings.model_fields
    default = find_variant("speech", settings.variant).default
    fields["_attn_implementation"] = settings.implementation or default
    if is_local and settings.attention_window is not None:
        fields["attention_window"] = settings.attention_window
    if settings.checkpoint is not None:
        model = _load(model_class, settings.checkpoint, settings, fields)
        _warn_of_loudness(model.config, settings.checkpoint)
    else:
        model = _build_random(model_class, settings, fields)
    backbone = model.base_model
    # Of both variants, so that what is compared is their attention.
    swap_class(backbone.feature_extractor, ChunkedFeatureEncoder)
    mask_in_place(backbone)
    if settings.implementation == UNPADDED:
        unpad(model)
    return model.train()


def _validate(settings: SpeechModelSettings) -> None:
    window = settings.attention_window
    if settings.variant == "lhubert" and isinstance(window, list):
        window = None  # the configuration checks it, which knows how many layers there are
    validate_settings("speech", settings.variant, settings.size, settings.implementation, window)
    validate_fields(settings.model_fields)


def _load(
    model_class: Any, checkpoint: str, settings: SpeechModelSettings, fields: dict[str, Any]
) -> Any:
    """Load a checkpoint, for an L-HuBERT that of a HuBERT too."""
    converted = ("hubert",) if settings.variant == "lhubert" else ()
    with explained_fields(StrictDataclassError):
        if settings.model_fields:
            saved = read_config(checkpoint)
            config = replace_fields(saved, model_class, checkpoint, fields, converted)
            validate_config(model_class, config)  # or the weights would be blamed
        return load_pretrained(model_class, checkpoint, fields, MASK_VECTORS, converted)


def _warn_of_loudness(config: Any, checkpoint: str) -> None:
    """Warn of a model that was trained on normalised recordings, where that makes a difference.

    A group norm in the front end takes the loudness away again.
    """
    if config.feat_extract_norm != "layer":
        return
    try:
        extractor = AutoFeatureExtractor.from_pretrained(checkpoint, trust_remote_code=False)
    except (OSError, ValueError, RecursionError):  # none was saved, or one with code of its own
        return
    if getattr(extractor, "do_normalize", False):
        warnings.warn(
            f"`checkpoint` {checkpoint} was trained on recordings of zero mean and unit variance; "
            "the data are not brought to that, so normalise the files beforehand",
            stacklevel=3,
        )


# As published; narrow models have fewer, because some CPUs compute groups of less than 16 channels
# wrongly in bfloat16 (`lightning_modules.reduced_precision`).
POSITION_GROUPS, GROUP_CHANNELS = 16, 16


def _build_random(model_class: Any, settings: SpeechModelSettings, fields: dict[str, Any]) -> Any:
    widths = ENCODER_SIZES[settings.size]
    shape = widths.fields | {
        "conv_dim": (CONV_WIDTHS[settings.size],) * NUM_CONV_LAYERS,
        "num_conv_pos_embedding_groups": min(POSITION_GROUPS, widths.hidden_size // GROUP_CHANNELS),
    }
    config_class = model_class.config_class
    implementation = fields.pop("_attn_implementation")
    with explained_fields(StrictDataclassError, TypeError, ValueError):
        config = config_class(**(shape | fields))
    config._attn_implementation = implementation
    if settings.model_fields:
        validate_config(model_class, config)
    # Drawn before the head, whose size differs, so that every task begins from the same encoder.
    positions = draw_positions(config)
    model = model_class(config)
    conv: nn.Conv1d = model.base_model.encoder.pos_conv_embed.conv
    with torch.no_grad():
        if parametrize.is_parametrized(conv):
            conv.weight = positions  # through the weight norm
        else:
            conv.weight.copy_(positions)
        if conv.bias is not None:
            conv.bias.zero_()
    return model


def draw_positions(config: Any) -> Tensor:
    """Draw the weight of the positional convolution: deviation sqrt(4 / (frames * hidden_size)).

    transformers leaves torch's uniform default, with which pre-training learns less.

    Args:
        config: Of a HuBERT.

    Returns:
        (hidden_size, hidden_size / groups, frames) float32, of mean zero; `frames` are those that
        the convolution sees at a time.

    Source: fairseq's `make_conv_pos`; pytorch/audio#2716.
    """
    size, frames = config.hidden_size, config.num_conv_pos_embeddings
    shape = (size, size // config.num_conv_pos_embedding_groups, frames)
    return torch.empty(shape).normal_(0, math.sqrt(4 / (frames * size)))


def has_random_head(model: Any, checkpoint: str | None) -> bool:
    """Return whether a model of `build_speech_model` has a head that was never trained."""
    return checkpoint is None or bool(model.random_weights)


def cut_layers(backbone: Any, layer: int) -> None:
    """Leave the layers above one out, so that they are not computed.

    The last layer keeps the norm that models with stable layer norm have after it.

    Raises:
        ModelError: There is no such layer; they are counted from 1.
    """
    num_layers = backbone.config.num_hidden_layers
    if not 1 <= layer <= num_layers:
        raise ModelError(f"`layer` must be from 1 to {num_layers}, got {layer}")
    del backbone.encoder.layers[layer:]
    if layer < num_layers and backbone.config.do_stable_layer_norm:
        backbone.encoder.layer_norm = nn.Identity()
