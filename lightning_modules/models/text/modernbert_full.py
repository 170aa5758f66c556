"""ModernBERT with full attention in every layer: what its windows are compared with."""

import copy
from typing import Any

from torch import Tensor
from transformers.models.modernbert import modeling_modernbert

from lightning_modules.checkpoints.pretrained import with_loaded
from lightning_modules.models.text.modernbert import FULL, ModernBertText


class ModernBertFullModule(ModernBertText):
    """ModernBERT without windows, the vanilla variant of `modernbert`.

    The library makes a mask over all pairs of tokens for sliding layers in every forward, whether
    or not a model has such layers. This one has none, and gets no such mask: its cost would be a
    part of what the windows of `modernbert` seem to save.
    """

    variant = "modernbert_full"

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        # Its mask depends on the shape, dtype and device of the embeddings, not on their values.
        dtype = self.model.get_input_embeddings().weight.dtype
        embeddings = input_ids.new_empty((*input_ids.shape, 0), dtype=dtype)
        # The name is looked up in the library's module, where a breakdown of a step replaces it.
        library: Any = modeling_modernbert
        mask = library.create_bidirectional_mask(
            config=self.model.config, inputs_embeds=embeddings, attention_mask=attention_mask
        )
        logits: Tensor = self.model(input_ids=input_ids, attention_mask={FULL: mask}).logits
        return logits

    def _random_fields(self) -> dict[str, Any]:
        num_layers = self.sizes()[self.settings.size]["num_hidden_layers"]
        return super()._random_fields() | _full_layers(num_layers)

    def _load(self, fields: dict[str, Any]) -> Any:
        loaded = super()._load(fields)
        config = copy.deepcopy(loaded.config)
        for name, value in _full_layers(config.num_hidden_layers).items():
            setattr(config, name, value)
        # Layers learn their kind when they are built.
        return with_loaded(type(loaded)(config), loaded, loaded.state_dict())


def _full_layers(num_layers: int) -> dict[str, Any]:
    return {"layer_types": [FULL] * num_layers}
