"""HuBERT's weights in L-HuBERT, and L-HuBERT's in HuBERT: none is lost, added or renamed."""

from typing import Any, ClassVar, Self

from transformers import HubertConfig, PreTrainedConfig, PreTrainedModel

from lightning_modules.attention import check_implementation
from lightning_modules.checkpoints.pretrained import OF_THE_CLASS, load_pretrained
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.configuration import DEFAULT_IMPLEMENTATION, LHubertConfig
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
    """Return the model with the source's weights, device, dtype and mode.

    Of a head it takes what has the same name and shape, as from a folder.
    """
    weights, wanted = source.state_dict(), model.state_dict()
    fitting = {
        name: value
        for name, value in weights.items()
        if name in wanted and value.shape == wanted[name].shape
    }
    model.load_state_dict(fitting, strict=False)
    if not fitting.keys() == weights.keys() == wanted.keys():
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
