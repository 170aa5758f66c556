"""Models for training that come from a checkpoint."""

import json
import warnings
from typing import Any

import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor

from lightning_modules.checkpoints.pretrained import read_config
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.variants import build_module
from tests.samples.variants.hubert import hubert


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


def test_nobody_is_asked_to_run_the_code_that_a_checkpoint_comes_with(tmp_path, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", asked.append)
    settings = saved(tmp_path, "layer")
    code = {"auto_map": {"AutoFeatureExtractor": "mine.Mine", "AutoConfig": "mine.Mine"}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(code))
    build_speech_model("ctc", settings)
    (tmp_path / "config.json").write_text(json.dumps(code | {"model_type": "mine"}))
    with pytest.raises(ModelError, match="`checkpoint` must be a folder or hub name"):
        read_config(str(tmp_path))
    assert asked == []


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_what_is_measured_begins_from_the_weights_that_pretraining_begins_from(variant):
    torch.manual_seed(3)
    module: Any = build_module("speech", variant, size="tiny")
    measured = module.model.state_dict()
    torch.manual_seed(3)
    trained = MaskedPrediction(
        variant=variant, size="tiny", num_classes=9
    ).model.hubert.state_dict()
    assert measured.keys() == trained.keys()
    for name, weight in measured.items():
        assert torch.equal(weight, trained[name]), name


def test_positions_are_drawn_as_fairseq_draws_them():
    torch.manual_seed(0)
    model = build_speech_model("encoder", SpeechModelSettings("hubert", size="tiny"))
    conv = model.encoder.pos_conv_embed.conv
    assert conv.weight.std().item() == pytest.approx((4 / (128 * 128)) ** 0.5, rel=0.02)
    assert not conv.bias.any()


def test_positions_that_are_normalised_over_the_batch_are_drawn_too():
    fields = {"conv_pos_batch_norm": True}
    plain, normalised = (
        build_speech_model("encoder", SpeechModelSettings(model_fields=chosen))
        for chosen in ({}, fields)
    )
    for model in (plain, normalised):
        conv = model.encoder.pos_conv_embed.conv
        expected = (4 / (model.config.num_conv_pos_embeddings * model.config.hidden_size)) ** 0.5
        assert conv.weight.std().item() == pytest.approx(expected, rel=0.02)
        assert not conv.bias.any()
    frames = normalised(torch.randn(2, 4_000)).last_hidden_state
    assert frames.shape == (2, 12, 128)
    assert bool(frames.isfinite().all())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": "wide"}, "do not make a HuBERT configuration: .*'hidden_size'.* got str"),
        ({"layerdrop": None}, "do not make a HuBERT configuration: .*'layerdrop'"),
        ({"hidden_act": "geluu"}, "unknown `hidden_act` 'geluu' .* choose one of: gelu, "),
        ({"num_attention_heads": 5}, "do not make a HuBERT configuration: .* be divisible by"),
        ({"num_attention_heads": 0}, "do not make a HuBERT configuration: .* by zero"),
        ({"num_conv_pos_embedding_groups": 5}, "do not make a HuBERT configuration: .* divisible"),
        ({"hidden_dropout": 1.5}, "do not make a HuBERT configuration: dropout .* got 1.5"),
        ({"hidden_size": -24}, "do not make a HuBERT configuration: .* negative dimension"),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_loaded", [False, True])
def test_fields_that_make_no_model_are_one_sentence(fields, message, is_loaded, tmp_path):
    hubert().save_pretrained(tmp_path)
    source = str(tmp_path) if is_loaded else None
    settings = SpeechModelSettings(checkpoint=source, model_fields=fields)
    with pytest.raises(ModelError, match=message) as refusal:
        build_speech_model("encoder", settings)
    assert len(str(refusal.value).splitlines()) == 1
