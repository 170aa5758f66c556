"""HuBERT, the vanilla speech variant."""

from lightning_modules.models.speech.base import SpeechModule


class HubertModule(SpeechModule):
    """HuBERT, the vanilla variant."""

    variant = "hubert"
