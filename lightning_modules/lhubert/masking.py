"""HuBERT's masking without waiting for a GPU."""

import functools
from typing import Any

import torch
from torch import Tensor
from transformers import HubertConfig
from transformers.models.hubert import modeling_hubert

from lightning_modules.class_swaps import swap_class
from lightning_modules.lhubert.real_frames import RealFrames


class MaskedInPlace:
    """Writes the mask vector by position.

    The library writes it where a mask is true, for which the host must first know in how many
    places that is: it waits for the GPU in the middle of every forward pass.
    """

    def _mask_hidden_states(
        self: Any,
        hidden_states: Tensor,
        mask_time_indices: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Mask as the library does.

        Args:
            hidden_states: (batch, frames, hidden).
            mask_time_indices: (batch, frames) bool, True = the model sees its mask vector.
            attention_mask: (batch, frames) bool, for masks that the library draws itself.

        Returns:
            (batch, frames, hidden)
        """
        library: Any = super()
        config = self.config
        draws_more = config.mask_feature_prob > 0 and self.training
        if mask_time_indices is None or draws_more or not config.apply_spec_augment:
            masked: Tensor = library._mask_hidden_states(
                hidden_states, mask_time_indices, attention_mask
            )
            return masked
        vector = self.masked_spec_embed.to(hidden_states.dtype)
        return torch.where(mask_time_indices[..., None], vector, hidden_states)


class HubertModel(MaskedInPlace, RealFrames, modeling_hubert.HubertModel):  # type: ignore[misc]
    """HuBERT that does not wait; its name is what `save_pretrained` writes."""


def mask_in_place(model: Any) -> None:
    """Let a HuBERT that was just built mask without waiting; L-HuBERT does by itself."""
    if type(model) is modeling_hubert.HubertModel:
        swap_class(model, HubertModel)
        _let_states_be_recorded()


@functools.cache
def _let_states_be_recorded() -> None:
    """Build one without memory: transformers notes how to record states when a class is built."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        HubertModel(HubertConfig(num_hidden_layers=1))
