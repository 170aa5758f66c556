"""ModernBERT with full attention in every layer: what its windows are compared with."""

import copy
from typing import Any

from lightning_modules.models.text.modernbert import ModernBertText


class ModernBertFullModule(ModernBertText):
    """ModernBERT without windows, the vanilla variant of `modernbert`."""

    variant = "modernbert_full"

    def _random_fields(self) -> dict[str, Any]:
        num_layers = self.sizes()[self.settings.size]["num_hidden_layers"]
        return super()._random_fields() | _full_layers(num_layers)

    def _load(self, fields: dict[str, Any]) -> Any:
        loaded = super()._load(fields)
        config = copy.deepcopy(loaded.config)
        for name, value in _full_layers(config.num_hidden_layers).items():
            setattr(config, name, value)
        # Layers learn their kind when they are built.
        model = type(loaded)(config)
        model.load_state_dict(loaded.state_dict())
        return model.train()


def _full_layers(num_layers: int) -> dict[str, Any]:
    return {"layer_types": ["full_attention"] * num_layers}
