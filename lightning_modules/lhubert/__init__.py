"""L-HuBERT; importing this registers its classes with transformers' `Auto` classes."""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCTC,
    AutoModelForPreTraining,
)

from lightning_modules.lhubert.configuration import LHubertConfig
from lightning_modules.lhubert.modeling import (
    LHubertForCTC,
    LHubertForSequenceClassification,
    LHubertModel,
)
from lightning_modules.lhubert.pretraining import HubertForPreTraining, LHubertForPreTraining
from lightning_modules.lhubert.recording import HiddenStateFiles, encode_recording

__all__ = [
    "HiddenStateFiles",
    "HubertForPreTraining",
    "LHubertConfig",
    "LHubertForCTC",
    "LHubertForPreTraining",
    "LHubertForSequenceClassification",
    "LHubertModel",
    "encode_recording",
]

AutoConfig.register("lhubert", LHubertConfig)
AutoModel.register(LHubertConfig, LHubertModel)
AutoModelForAudioClassification.register(LHubertConfig, LHubertForSequenceClassification)
AutoModelForCTC.register(LHubertConfig, LHubertForCTC)
AutoModelForPreTraining.register(LHubertConfig, LHubertForPreTraining)
