"""BERT with local attention."""

from transformers import BertConfig, BertForMaskedLM

from lightning_modules.attention.interface import find_windows, localize
from lightning_modules.models.text.base import TextModule


class LocalBertModule(TextModule):
    """BERT with local attention in every layer."""

    variant = "local_bert"
    model_class = BertForMaskedLM
    config_class = BertConfig

    def _prepare_model(self) -> None:
        # A checkpoint may have a window per layer, which is then no single number.
        windows = self.attention_window or find_windows(self.model)
        localize(self.model, windows, self.implementation)
