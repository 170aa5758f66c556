"""L-HuBERT as a variant: HuBERT with local attention."""

from lightning_modules.attention.interface import find_windows
from lightning_modules.models.speech.base import SpeechModule
from lightning_modules.window import windows_of_layers


class LHubertModule(SpeechModule):
    """L-HuBERT: HuBERT with local attention in every layer."""

    variant = "lhubert"

    def _why_inactive(self, length: int) -> str | None:
        windows = windows_of_layers(
            self.model.config.attention_window, self.model.config.num_hidden_layers
        )
        if find_windows(self.model) != windows:
            return f"expected `attention_window` {windows}, its layers have other ones"
        return super()._why_inactive(length)
