"""L-HuBERT: HuBERT whose every layer attends to a window, with HuBERT's parameters and names.

Source: Diwan, Choi and Harwath 2023 (arXiv 2306.08667); HuBERT, Hsu et al. 2021.
"""

import functools
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from transformers import (
    HubertConfig,
    HubertForCTC,
    HubertForSequenceClassification,
    HubertModel,
    PreTrainedConfig,
    PreTrainedModel,
)

import lightning_modules.attention.interface  # noqa: F401 - models follow what they say of windows
from lightning_modules.attention import check_implementation
from lightning_modules.checkpoints.pretrained import OF_THE_CLASS, load_pretrained
from lightning_modules.class_swaps import swap_class
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.chunk_sizes import is_recorded
from lightning_modules.lhubert.configuration import DEFAULT_IMPLEMENTATION, LHubertConfig
from lightning_modules.lhubert.features import ChunkedFeatureEncoder
from lightning_modules.lhubert.masking import MaskedInPlace
from lightning_modules.window import DEFAULT_SPEECH_WINDOW

# What masked frames become; a checkpoint that is not for pre-training may lack it.
MASK_VECTORS = ("masked_spec_embed", "hubert.masked_spec_embed")


class LocalHubert:
    """What L-HuBERT's classes add to HuBERT's: conversion both ways."""

    hubert_class: ClassVar[Any]

    @classmethod
    def from_hubert(
        cls,
        source: Any,
        attention_window: int | list[int] = DEFAULT_SPEECH_WINDOW,
        implementation: str = DEFAULT_IMPLEMENTATION,
        **fields: Any,
    ) -> Self:
        """Give HuBERT's weights a window; none is lost, added or renamed.

        Args:
            source: Folder or hub name of a HuBERT checkpoint, loaded in float32 and evaluation
                mode, or a model in memory, whose dtype, device and mode are kept; of either any
                class with a HuBERT in it. A head that it has not, or of another shape, is random.
            attention_window: Total width in frames, even; one for all layers, or one per layer.
            implementation: Kernel of the attention, one of `IMPLEMENTATIONS`.
            fields: Fields of the configuration to replace.

        Raises:
            ModelError: A window is impossible, the implementation unknown, or the source missing,
                damaged, incomplete or of another architecture.
        """
        local_class: Any = cls
        check_implementation(implementation)
        if not isinstance(source, PreTrainedModel):
            fields |= {"attention_window": attention_window, "_attn_implementation": implementation}
            model = load_pretrained(local_class, source, fields, MASK_VECTORS, ("hubert",))
            return model.eval()  # type: ignore[no-any-return]
        config = local_config(source.config, attention_window, **fields)
        config._attn_implementation = implementation
        return _with_weights_of(source, local_class(config))  # type: ignore[no-any-return]

    def to_hubert(self) -> Any:
        """Return plain HuBERT with these weights, in a model of its own."""
        local: Any = self
        left_out = (*OF_THE_CLASS, "attention_window", "local_implementation")
        fields = {k: v for k, v in local.config.to_dict().items() if k not in left_out}
        return _with_weights_of(local, self.hubert_class(HubertConfig(**fields)))


def _with_weights_of(source: Any, model: Any) -> Any:
    """Return the model with the source's weights, device, dtype and mode."""
    weights = source.state_dict()
    shapes, wanted = (
        {name: value.shape for name, value in found.items()}
        for found in (weights, model.state_dict())
    )
    if shapes == wanted:
        model.load_state_dict(weights)
    else:
        report = model.base_model.load_state_dict(source.base_model.state_dict(), strict=False)
        lacking = {*report.missing_keys, *report.unexpected_keys} - set(MASK_VECTORS)
        if lacking:
            raise ModelError(f"`source` must have the weights of a HuBERT, not so {min(lacking)}")
    return model.to(source.device, source.dtype).train(source.training)


def local_config(
    config: PreTrainedConfig, attention_window: int | list[int], **fields: Any
) -> LHubertConfig:
    """Return L-HuBERT's configuration for the weights of a HuBERT.

    Raises:
        ModelError: The configuration is of another architecture, or a window is impossible.
    """
    if config.model_type not in ("hubert", "lhubert"):
        raise ModelError(f"`source` must be a HuBERT, got a {config.model_type} model")
    given = {name: value for name, value in config.to_dict().items() if name not in OF_THE_CLASS}
    return LHubertConfig(**(given | {"attention_window": attention_window} | fields))


class LHubertModel(LocalHubert, MaskedInPlace, HubertModel):
    """HuBERT's encoder with a window in every layer; long recordings need no gradients to fit.

    Without gradients the convolutional front end runs in chunks, with the same result.
    """

    config_class = LHubertConfig
    hubert_class = HubertModel

    def post_init(self) -> None:
        """Make the model local; the library calls this at the end of building it."""
        super().post_init()
        _make_local(self)

    def _get_feature_vector_attention_mask(
        self, feature_vector_length: int, attention_mask: Any
    ) -> Any:
        frames = self._get_feat_extract_output_lengths(attention_mask.shape[-1])
        if attention_mask.dim() != 2 or int(frames) != feature_vector_length:
            raise ModelError(
                "`attention_mask` must be (batch, samples), one per sample of the waveform, "
                f"got shape {tuple(attention_mask.shape)} for {feature_vector_length} frames"
            )
        _refuse_gaps(attention_mask)
        # The library sums it as it is: in half precision that rounds, and a 2 counts twice.
        is_real = attention_mask.ne(0).long()
        mask = super()._get_feature_vector_attention_mask(feature_vector_length, is_real)
        # The library takes all frames of a sample that is too short for one to be real.
        real: Any = self._get_feat_extract_output_lengths(is_real.sum(-1))
        return mask & (real > 0)[:, None]


def _refuse_gaps(attention_mask: Tensor) -> None:
    """Refuse a mask that is not ones, then zeros: the library would only count its ones.

    It is not looked at while the calls to a GPU are recorded.

    Raises:
        ModelError: A recording begins with padding, or has some in the middle.
    """
    if is_recorded():
        return
    is_real = attention_mask.ne(0)
    if bool((is_real[:, 1:] & ~is_real[:, :-1]).any()):
        raise ModelError(
            "`attention_mask` must be ones, then zeros, in every recording: pad at the end, "
            "got padding before real samples"
        )


class LHubertForCTC(LocalHubert, HubertForCTC):
    """L-HuBERT with a letter per frame."""

    config_class = LHubertConfig
    hubert_class = HubertForCTC

    def __init__(self, config: LHubertConfig, target_lang: str | None = None) -> None:
        """Build the model with random weights."""
        super().__init__(config, target_lang)
        _make_local(self.hubert)
        _let_states_be_recorded()


class LHubertForSequenceClassification(LocalHubert, HubertForSequenceClassification):
    """L-HuBERT with one class per recording."""

    config_class = LHubertConfig
    hubert_class = HubertForSequenceClassification

    def __init__(self, config: LHubertConfig) -> None:
        """Build the model with random weights."""
        super().__init__(config)
        _make_local(self.hubert)
        _let_states_be_recorded()


def _make_local(model: Any) -> None:
    """Turn a HuBERT that was just built into an L-HuBERT, whose parts are the same.

    That its configuration says local has given it its windows already.
    """
    swap_class(model, LHubertModel)
    swap_class(model.feature_extractor, ChunkedFeatureEncoder)


@functools.cache
def _let_states_be_recorded() -> None:
    """Build one L-HuBERT without memory, so that transformers hands out its hidden states.

    It notes how when a model of a class is built; inside other models the class was changed to it.
    What building draws is given back: the first model after a seed has the weights of later ones.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        LHubertModel(LHubertConfig(num_hidden_layers=1))


def encode_features(
    model: Any,
    features: Tensor,
    frame_mask: Tensor | None = None,
    mask_time_indices: Tensor | None = None,
) -> Tensor:
    """Compute what `HubertModel.forward` computes after its convolutions.

    Args:
        model: HuBERT or L-HuBERT.
        features: (batch, channels, frames), of the feature encoder.
        frame_mask: (batch, frames) bool, True = real; None = all are.
        mask_time_indices: (batch, frames) bool, True = the model sees its mask vector.

    Returns:
        (batch, frames, hidden)
    """
    hidden = model.feature_projection(features.transpose(1, 2))
    hidden = model._mask_hidden_states(hidden, mask_time_indices=mask_time_indices)
    encoded: Tensor = model.encoder(hidden, attention_mask=frame_mask).last_hidden_state
    return encoded
