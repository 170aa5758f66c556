"""L-HuBERT: HuBERT whose every layer attends to a window, with HuBERT's parameters and names.

Source: Diwan, Choi and Harwath 2023 (arXiv 2306.08667); HuBERT, Hsu et al. 2021.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from transformers import HubertForCTC, HubertForSequenceClassification, HubertModel

import lightning_modules.attention.interface  # noqa: F401 - models follow what they say of windows
from lightning_modules.attention.once_per_mask import once_per_mask
from lightning_modules.class_swaps import swap_class
from lightning_modules.cuda_graphs import is_recorded
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.configuration import LHubertConfig
from lightning_modules.lhubert.conversion import LocalHubert
from lightning_modules.lhubert.features import ChunkedFeatureEncoder
from lightning_modules.lhubert.masking import MaskedInPlace
from lightning_modules.lhubert.real_frames import RealFrames


class LHubertModel(LocalHubert, MaskedInPlace, RealFrames, HubertModel):
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
        self, feature_vector_length: int, attention_mask: Tensor
    ) -> Tensor:
        is_real = super()._get_feature_vector_attention_mask(feature_vector_length, attention_mask)
        _refuse_gaps(attention_mask)
        return is_real


def _refuse_gaps(attention_mask: Tensor) -> None:
    """Refuse a mask that is not ones, then zeros: the library would only count its ones.

    It is not looked at while the calls to a GPU are recorded.

    Raises:
        ModelError: A recording begins with padding, or has some in the middle.
    """
    if not is_recorded() and _has_gaps(attention_mask):
        raise ModelError(
            "`attention_mask` must be ones, then zeros, in every recording: pad at the end, "
            "got padding before real samples"
        )


@once_per_mask  # to look at it is to wait for a GPU, which HuBERT does not
def _has_gaps(attention_mask: Tensor) -> bool:
    is_real = attention_mask.ne(0)
    return bool((is_real[:, 1:] & ~is_real[:, :-1]).any())


@once_per_mask
def _fewest_real(attention_mask: Tensor) -> int:
    return int(attention_mask.ne(0).sum(-1).min())


class LHubertForCTC(LocalHubert, RealFrames, HubertForCTC):
    """L-HuBERT with a letter per frame."""

    config_class = LHubertConfig
    hubert_class = HubertForCTC

    def __init__(self, config: LHubertConfig, target_lang: str | None = None) -> None:
        """Build the model with random weights."""
        super().__init__(config, target_lang)
        _make_local(self.hubert)
        _let_states_be_recorded()

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,
    ) -> Any:
        """Compute the logits.

        Args:
            input_values: (batch, samples) at 16 kHz.
            attention_mask: (batch, samples), nonzero = real sample; None = all are.
            labels: (batch, letters) int64, below zero = none.
            more: What the library's head takes besides.

        Returns:
            The library's output, of (batch, frames, letters), with a loss where there are labels.
        """
        if attention_mask is not None:
            attention_mask = attention_mask.ne(0)  # the loss takes its sum for the length
        return super().forward(input_values, attention_mask, labels, **more)


class LHubertForSequenceClassification(LocalHubert, RealFrames, HubertForSequenceClassification):
    """L-HuBERT with one class per recording: of the mean of its frames, so it must have one."""

    config_class = LHubertConfig
    hubert_class = HubertForSequenceClassification

    def __init__(self, config: LHubertConfig) -> None:
        """Build the model with random weights."""
        super().__init__(config)
        _make_local(self.hubert)
        _let_states_be_recorded()

    def _get_feature_vector_attention_mask(
        self, feature_vector_length: int, attention_mask: Tensor
    ) -> Tensor:
        is_real = super()._get_feature_vector_attention_mask(feature_vector_length, attention_mask)
        if is_recorded():
            return is_real
        if not self._get_feat_extract_output_lengths(_fewest_real(attention_mask)):
            raise ModelError(
                "`attention_mask` must leave a frame of every recording, for a class, got one that "
                "is too short or nothing but padding"
            )
        return is_real


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
