"""L-HuBERT as a variant: HuBERT with local attention."""

from typing import Any

from lightning_modules.attention.interface import find_windows
from lightning_modules.checkpoints.pretrained import load_pretrained
from lightning_modules.lhubert import LHubertConfig, LHubertModel
from lightning_modules.lhubert.modeling import MASK_VECTORS
from lightning_modules.models.speech import SpeechModule
from lightning_modules.window import windows_of_layers


class LHubertModule(SpeechModule):
    """L-HuBERT: HuBERT with local attention in every layer."""

    variant = "lhubert"

    def _build(self, fields: dict[str, Any]) -> Any:
        assert self.attention_window is not None
        config = LHubertConfig(**fields, attention_window=self.attention_window)
        config._attn_implementation = self.implementation
        return LHubertModel(config)

    def _load(self, checkpoint: str, fields: dict[str, Any]) -> Any:
        if self.settings.attention_window is not None:
            fields = fields | {"attention_window": self.settings.attention_window}
        fields = fields | {"_attn_implementation": self.implementation}
        return load_pretrained(LHubertModel, checkpoint, fields, MASK_VECTORS, ("hubert",))

    def _prepare_model(self) -> None:
        # A checkpoint may have a window per layer, which is then no single number.
        windows = set(find_windows(self.model))
        self.attention_window = windows.pop() if len(windows) == 1 else None

    def _why_inactive(self, length: int) -> str | None:
        windows = windows_of_layers(
            self.model.config.attention_window, self.model.config.num_hidden_layers
        )
        if find_windows(self.model) != windows:
            return f"expected `attention_window` {windows}, its layers have other ones"
        return super()._why_inactive(length)
