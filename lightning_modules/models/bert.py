"""BERT, the vanilla text variant."""

from transformers import BertConfig, BertForMaskedLM

from lightning_modules.models.text import TextModule


class BertModule(TextModule):
    """BERT, the vanilla variant."""

    variant = "bert"
    model_class = BertForMaskedLM
    config_class = BertConfig
