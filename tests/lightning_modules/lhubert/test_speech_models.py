"""Models for training that come from a checkpoint."""

import warnings

import pytest
from transformers import Wav2Vec2FeatureExtractor

from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
from tests.samples.hubert import hubert


def saved(folder, norm, do_normalize=None):
    """Save a HuBERT, and how its recordings were prepared unless that is None."""
    hubert(feat_extract_norm=norm, conv_bias=norm == "layer").save_pretrained(folder)
    if do_normalize is not None:
        Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return SpeechModelSettings("lhubert", attention_window=8, checkpoint=str(folder))


def test_a_model_that_wants_normalised_recordings_says_so(tmp_path):
    settings = saved(tmp_path, "layer", do_normalize=True)
    with pytest.warns(UserWarning, match="trained on recordings of zero mean and unit variance"):
        build_speech_model("ctc", settings)


@pytest.mark.parametrize(
    ("norm", "do_normalize"), [("group", True), ("layer", False), ("layer", None)]
)
def test_others_load_without_a_word(norm, do_normalize, tmp_path):
    settings = saved(tmp_path, norm, do_normalize)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        build_speech_model("encoder", settings)
