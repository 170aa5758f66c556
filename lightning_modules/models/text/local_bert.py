"""BERT with local attention."""

from transformers import BertConfig, BertForMaskedLM

from lightning_modules.attention.interface import localize
from lightning_modules.models.text.base import TextModule


class LocalBertModule(TextModule):
    """BERT with local attention in every layer."""

    variant = "local_bert"
    model_class = BertForMaskedLM
    config_class = BertConfig

    def _prepare_model(self) -> None:
        assert self.attention_window is not None
        localize(self.model, self.attention_window, self.implementation)
