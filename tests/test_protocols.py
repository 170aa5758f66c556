"""Packages that never import each other fit together: mypy checks it here, where both are seen."""

import inspect

from datamodules.utterances.base import UtteranceData
from datamodules.utterances.whole import RecordingData
from lightning_modules.speech.prediction_files import PredictedData
from lightning_modules.units.label_data import LabelData


def labelled(data: RecordingData) -> LabelData:
    return data


def predicted(data: UtteranceData) -> PredictedData:
    return data


def test_recordings_have_what_the_extractor_asks_for() -> None:
    asked = {name for name in vars(LabelData) if not name.startswith("_")}
    assert "join_labels" in asked
    for name in asked:
        assert inspect.getattr_static(RecordingData, name)
