"""Data that a model cannot take are refused before anything is computed."""

from typing import Any

import pytest
from lightning import LightningDataModule, LightningModule

from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText
from datamodules.utterances.keywords import KeywordSpeech
from datamodules.utterances.pretraining import PretrainingSpeech
from datamodules.utterances.transcribed import TranscribedSpeech
from datamodules.utterances.whole import RecordingData
from lightning_modules.speech.classification import ClassificationModule
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.speech.superb import SuperbAsr
from lightning_modules.variants import build_module
from profiling.errors import SettingsError
from profiling.training.data_checks import WITH_LABELS, check_data
from tests.samples.fitting import TinyTokens
from tests.samples.recordings.speech import TINY

CTC, SUPERB = "CtcModule", "SuperbAsr"
CLUSTERS = "PretrainingSpeech, SpeechData, SyntheticSpeech"
REFUSED = [
    (CTC, PretrainingSpeech("x", "y"), "transcripts", "clusters", "TranscribedSpeech"),
    (SUPERB, KeywordSpeech("x"), "transcripts", "classes", "TranscribedSpeech"),
    ("ClassificationModule", TranscribedSpeech("x"), "classes", "transcripts", "KeywordSpeech"),
    ("MaskedPrediction", TranscribedSpeech("x"), "clusters", "transcripts", CLUSTERS),
    ("whisper", KeywordSpeech("x"), "clusters", "classes", CLUSTERS),
]
TAKEN = [
    (CTC, TranscribedSpeech("x")),
    ("ClassificationModule", KeywordSpeech("x")),
    ("MaskedPrediction", SyntheticSpeech()),
    ("whisper", PretrainingSpeech("x", "y")),
]


@pytest.fixture(scope="module")
def models() -> dict[str, LightningModule]:
    kinds: dict[Any, dict[str, Any]] = {
        ClassificationModule: {"classes": ["no", "yes"]},
        CtcModule: {},
        MaskedPrediction: {},
        SuperbAsr: {"head_size": 6},
    }
    built = {kind.__name__: kind(model_fields=TINY, **given) for kind, given in kinds.items()}
    return built | {"whisper": build_module("speech", "whisper")}


@pytest.mark.parametrize(("model", "data", "needed", "found", "choices"), REFUSED)
@pytest.mark.parametrize("command", WITH_LABELS)
def test_labels_of_another_kind_are_not_learnt_from(
    models: dict[str, LightningModule],
    command: str,
    model: str,
    data: LightningDataModule,
    needed: str,
    found: str,
    choices: str,
) -> None:
    sentence = (
        f"`data` must have {needed} for {model}, got {type(data).__name__}, which has {found}; "
        f"choose one of: {choices}$"
    )
    with pytest.raises(SettingsError, match=sentence):
        check_data(command, models[model], data)
    check_data("predict", models[model], data)


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_no_model_of_speech_takes_texts(models: dict[str, LightningModule], command: str) -> None:
    for name, model in models.items():
        with pytest.raises(
            SettingsError, match=f"`data` must be speech for {name}, got text; choo"
        ):
            check_data(command, model, SyntheticText())


@pytest.mark.parametrize(("model", "data"), TAKEN)
def test_what_a_model_learns_from_is_taken(
    models: dict[str, LightningModule], model: str, data: LightningDataModule
) -> None:
    check_data("fit", models[model], data)


def test_recordings_are_predicted_by_all_and_data_of_others_are_the_users_affair(
    models: dict[str, LightningModule],
) -> None:
    for model in models.values():
        check_data("predict", model, RecordingData("x"))
        check_data("fit", model, LightningDataModule())
    check_data("fit", TinyTokens(), SyntheticText())
