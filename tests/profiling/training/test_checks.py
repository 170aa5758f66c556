"""What `train.py` refuses before anything is computed, and what it keeps of settings."""

from pathlib import Path

import pytest
from lightning import LightningDataModule
from lightning.pytorch.callbacks import BasePredictionWriter, ModelCheckpoint

from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision
from datamodules.utterances.whole import RecordingData
from lightning_modules.speech.prediction_files import PredictionFiles
from lightning_modules.units.extractor import UnitExtractor
from profiling.errors import SettingsError
from profiling.training.checks import check_written
from profiling.training.saved_settings import saving_of
from profiling.training.verbs import VERBS
from tests.samples.fitting import TinyTokens


def test_a_prediction_needs_somebody_who_writes_it(tmp_path: Path) -> None:
    recordings = RecordingData(str(tmp_path))
    for writer in (PredictionFiles(str(tmp_path)), BasePredictionWriter()):
        check_written(TinyTokens(), [ModelCheckpoint(), writer], recordings)
    with pytest.raises(SettingsError, match="`callbacks` must have one that writes for `predict`"):
        check_written(TinyTokens(), [ModelCheckpoint()], recordings)


@pytest.mark.parametrize("kind", [SyntheticText, SyntheticSpeech, SyntheticVision])
def test_files_named_like_recordings_are_not_written_of_what_is_none(
    kind: type, tmp_path: Path
) -> None:
    files = PredictionFiles(str(tmp_path))
    refusal = f"`data` must be of recordings for PredictionFiles, .* got {kind.__name__}"
    with pytest.raises(SettingsError, match=refusal):
        check_written(TinyTokens(), [files, BasePredictionWriter()], kind())
    with pytest.raises(SettingsError, match="one that writes for `predict`, a BasePrediction"):
        check_written(TinyTokens(), [], kind())
    check_written(TinyTokens(), [BasePredictionWriter()], kind())


def test_what_others_write_and_what_they_read_is_left_to_them(tmp_path: Path) -> None:
    class Files(PredictionFiles):
        """Names what it writes in a way of its own."""

    check_written(TinyTokens(), [Files(str(tmp_path))], SyntheticText())
    # Its reader may be there only once it is set up.
    check_written(TinyTokens(), [PredictionFiles(str(tmp_path))], LightningDataModule())


@pytest.mark.torchaudio
def test_labels_are_not_predicted_in_whatever_precision(tmp_path: Path) -> None:
    files = PredictionFiles(str(tmp_path))
    with pytest.raises(SettingsError, match="got UnitExtractor, whose verb is `labels`"):
        check_written(UnitExtractor(str(tmp_path)), [files], RecordingData(str(tmp_path)))


def test_no_verb_writes_its_settings_over_those_of_another() -> None:
    names = {verb: (saving_of(verb) or {}).get("config_filename") for verb in VERBS}
    assert names.pop("fit") == "config.yaml"
    # What these make has facts of its own, and may share a folder of logs.
    assert (names.pop("labels"), names.pop("export")) == (None, None)
    assert len(set(names.values()) - {"config.yaml", None}) == len(names)
