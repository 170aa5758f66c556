"""FNet: a Fourier transform in the place of attention."""

from typing import Any

import torch
from torch import Tensor
from transformers import FNetConfig, FNetForMaskedLM
from transformers.models.fnet.modeling_fnet import FNetBasicFourierTransform

from lightning_modules.attention.interface import attention_modules
from lightning_modules.class_swaps import swap_class
from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.text.base import FUSED_GELU_NEW, TextModule
from lightning_modules.sizes import ENCODER_SIZES

NOT_FOR_HEADS = "num_attention_heads"


class FNetModule(TextModule):
    """FNet, whose layers mix all tokens by a transform over tokens and width; nothing attends.

    As published it has no mask: padding is mixed into the real tokens, so that outputs depend on
    how far a batch is padded, and an `attention_mask` changes nothing. Inputs get no padding of its
    own, though the transform is slow where a length has large prime factors: padding to a better
    length would be another result.

    Source: FNet, Lee-Thorp et al. 2021, arXiv 2105.03824.
    """

    variant = "fnet"
    model_class = FNetForMaskedLM
    config_class = FNetConfig
    position_table = "fnet.embeddings.position_embeddings.weight"
    unused_weights = ("fnet.pooler.dense.weight", "fnet.pooler.dense.bias")
    dropouts = ("hidden_dropout_prob",)

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of FNet's configuration that make each named size; it has no heads."""
        return {
            name: {field: value for field, value in size.fields.items() if field != NOT_FOR_HEADS}
            for name, size in ENCODER_SIZES.items()
        }

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell that no layer computes scores of pairs, whatever the `length`."""
        return []

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids).logits
        return logits

    def _prepare_model(self) -> None:
        self.model.fnet.pooler = None  # feeds no output of a masked language model
        for transform in self._transforms():
            swap_class(transform, _MixInFloat32)

    def _config_fields(self) -> dict[str, Any]:
        # The other way multiplies by n x n matrices, which is for TPUs.
        return {"use_tpu_fourier_optimizations": False}

    def _random_fields(self) -> dict[str, Any]:
        return {"hidden_act": FUSED_GELU_NEW}

    def _why_inactive(self, length: int) -> str | None:
        transforms = {part.fourier_transform.func for part in self._transforms()}
        if transforms != {torch.fft.fftn}:
            return f"its layers mix by {sorted(each.__name__ for each in transforms)}, not by fftn"
        if attention_modules(self.model):
            return "it has modules that attend"
        return None

    def _transforms(self) -> list[Any]:
        return [layer.fourier.self for layer in self.model.fnet.encoder.layer]


class _MixInFloat32(FNetBasicFourierTransform):
    """The library's transform, which torch has in half precision on few devices and lengths."""

    def forward(self, hidden_states: Tensor) -> tuple[Tensor]:
        dtype = torch.promote_types(hidden_states.dtype, torch.float32)
        with torch.autocast(hidden_states.device.type, enabled=False):
            mixed = self.fourier_transform(hidden_states.to(dtype)).real
        return (mixed.to(hidden_states.dtype),)
