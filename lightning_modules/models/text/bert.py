"""BERT, the vanilla text variant."""

from transformers import BertConfig, BertForMaskedLM

from lightning_modules.attention.unpadded import NAME, unpad
from lightning_modules.models.text.base import TextModule


class BertModule(TextModule):
    """BERT, the vanilla variant."""

    variant = "bert"
    model_class = BertForMaskedLM
    config_class = BertConfig

    def _prepare_model(self) -> None:
        if self.implementation == NAME:
            unpad(self.model)
        else:
            super()._prepare_model()
