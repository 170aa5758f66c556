"""HuBERT, the vanilla speech variant."""

from lightning_modules.models.speech import SpeechModule


class HubertModule(SpeechModule):
    """HuBERT, the vanilla variant."""

    variant = "hubert"
