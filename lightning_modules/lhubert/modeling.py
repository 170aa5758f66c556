"""L-HuBERT: HuBERT whose every layer attends to a window, with HuBERT's parameters and names.

Source: Diwan, Choi and Harwath 2023 (arXiv 2306.08667); HuBERT, Hsu et al. 2021.
"""

from typing import Any, ClassVar, Self

from torch import Tensor
from transformers import (
    AutoConfig,
    HubertConfig,
    HubertForCTC,
    HubertForSequenceClassification,
    HubertModel,
    PreTrainedModel,
)

from lightning_modules.attention import IMPLEMENTATIONS, check_implementation
from lightning_modules.attention.interface import localize
from lightning_modules.checkpoints import OF_THE_CLASS
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.configuration import LHubertConfig
from lightning_modules.lhubert.features import ChunkedFeatureEncoder

DEFAULT_IMPLEMENTATION = "local_blocked"


class FromHubert:
    """Conversion between a class of HuBERT and the one of L-HuBERT that was made of it."""

    hubert_class: ClassVar[Any]

    @classmethod
    def from_hubert(
        cls,
        source: Any,
        attention_window: int | list[int] = 100,
        implementation: str = DEFAULT_IMPLEMENTATION,
        **fields: Any,
    ) -> Self:
        """Give HuBERT's weights a window; none is lost, added or renamed.

        Args:
            source: Folder or hub name of a HuBERT checkpoint, or a model in memory; of either any
                class with a HuBERT in it. A head that the source has not, or of another shape, is
                random.
            attention_window: Total width in frames, even; one for all layers, or one per layer.
            implementation: Kernel of the attention, one of `IMPLEMENTATIONS`.
            fields: Fields of the configuration to replace.

        Raises:
            ModelError: A window is impossible, the implementation unknown, or the source of
                another architecture.
        """
        local_class: Any = cls
        is_model = isinstance(source, PreTrainedModel)
        plain = source.config if is_model else AutoConfig.from_pretrained(source)
        config = local_config(plain, attention_window, implementation, **fields)
        if is_model:
            return _with_weights_of(source, local_class(config))  # type: ignore[no-any-return]
        return local_class.from_pretrained(source, config=config)  # type: ignore[no-any-return]

    def to_hubert(self) -> Any:
        """Return plain HuBERT with these weights, in a model of its own."""
        local: Any = self
        left_out = (*OF_THE_CLASS, "attention_window")
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
        model.base_model.load_state_dict(source.base_model.state_dict())
    return model.to(source.device, source.dtype).train(source.training)


def local_config(
    config: HubertConfig, attention_window: int | list[int], implementation: str, **fields: Any
) -> LHubertConfig:
    """Return L-HuBERT's configuration for the weights of a HuBERT.

    Raises:
        ModelError: As `FromHubert.from_hubert`.
    """
    if config.model_type not in ("hubert", "lhubert"):
        raise ModelError(f"`source` must be a HuBERT, got a {config.model_type} model")
    check_implementation(implementation)
    given = {name: value for name, value in config.to_dict().items() if name not in OF_THE_CLASS}
    local = LHubertConfig(**(given | {"attention_window": attention_window} | fields))
    local._attn_implementation = implementation
    return local


def _localize(model: Any, config: LHubertConfig) -> None:
    """Give the attention of a model its windows.

    The implementation is never saved with a model, so what is not one of ours means: the usual.
    """
    chosen = config._attn_implementation
    implementation = chosen if chosen in IMPLEMENTATIONS else DEFAULT_IMPLEMENTATION
    localize(model, config.attention_window, implementation)


class LHubertModel(FromHubert, HubertModel):
    """HuBERT's encoder with a window in every layer; long recordings need no gradients to fit.

    Without gradients the convolutional front end runs in chunks, with the same result.
    """

    config_class = LHubertConfig
    hubert_class = HubertModel

    def __init__(self, config: LHubertConfig) -> None:
        """Build the model with random weights."""
        super().__init__(config)
        self.feature_extractor.__class__ = ChunkedFeatureEncoder
        _localize(self, config)


class LHubertForCTC(FromHubert, HubertForCTC):
    """L-HuBERT with a letter per frame."""

    config_class = LHubertConfig
    hubert_class = HubertForCTC

    def __init__(self, config: LHubertConfig, target_lang: str | None = None) -> None:
        """Build the model with random weights."""
        super().__init__(config, target_lang)
        self.hubert = LHubertModel(config)  # in place of the one that the library has built


class LHubertForSequenceClassification(FromHubert, HubertForSequenceClassification):
    """L-HuBERT with one class per recording."""

    config_class = LHubertConfig
    hubert_class = HubertForSequenceClassification

    def __init__(self, config: LHubertConfig) -> None:
        """Build the model with random weights."""
        super().__init__(config)
        self.hubert = LHubertModel(config)  # in place of the one that the library has built


def encode_features(
    model: Any,
    features: Tensor,
    attention_mask: Tensor | None = None,
    mask_time_indices: Tensor | None = None,
) -> Tensor:
    """Compute what `HubertModel.forward` computes after its convolutions.

    Args:
        model: HuBERT or L-HuBERT.
        features: (batch, channels, frames), of the feature encoder.
        attention_mask: (batch, samples), nonzero = real; None = all are.
        mask_time_indices: (batch, frames) bool, True = the model sees its mask vector.

    Returns:
        (batch, frames, hidden)
    """
    features = features.transpose(1, 2)
    if attention_mask is not None:
        attention_mask = model._get_feature_vector_attention_mask(
            features.shape[1], attention_mask.long()
        )
    hidden = model.feature_projection(features)
    hidden = model._mask_hidden_states(hidden, mask_time_indices=mask_time_indices)
    encoded: Tensor = model.encoder(hidden, attention_mask=attention_mask).last_hidden_state
    return encoded
