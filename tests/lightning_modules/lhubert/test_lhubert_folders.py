"""L-HuBERT saved, loaded and converted."""

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCTC,
    AutoModelForPreTraining,
    BertConfig,
    BertModel,
    HubertConfig,
    HubertForCTC,
    HubertForSequenceClassification,
    HubertModel,
)

from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    HubertForPreTraining,
    LHubertConfig,
    LHubertForCTC,
    LHubertForPreTraining,
    LHubertForSequenceClassification,
    LHubertModel,
)
from tests.samples.variants.hubert import (
    TINY,
    assert_same_weights,
    first_output,
    hubert,
    lhubert,
    waveform,
)

CLASSES: dict[Any, tuple[Any, Any, dict[str, Any]]] = {
    LHubertModel: (HubertModel, AutoModel, {}),
    LHubertForCTC: (HubertForCTC, AutoModelForCTC, {"vocab_size": 9}),
    LHubertForSequenceClassification: (
        HubertForSequenceClassification,
        AutoModelForAudioClassification,
        {"num_labels": 5, "use_weighted_layer_sum": True},
    ),
    LHubertForPreTraining: (HubertForPreTraining, AutoModelForPreTraining, {"num_clusters": 7}),
}


@pytest.mark.parametrize("local_class", CLASSES)
def test_every_class_is_saved_loaded_and_converted_both_ways(local_class, tmp_path):
    plain_class, auto_class, fields = CLASSES[local_class]
    torch.manual_seed(0)
    plain = plain_class(HubertConfig(**TINY, **fields)).eval()
    local = local_class.from_hubert(plain, [2, 8, 90])
    assert {n: v.shape for n, v in local.state_dict().items()} == {
        n: v.shape for n, v in plain.state_dict().items()
    }
    audio = waveform(40, batch=2)
    expected = first_output(local, audio)
    local.save_pretrained(tmp_path / "local")
    loaded = auto_class.from_pretrained(tmp_path / "local")
    assert type(loaded) is local_class
    assert loaded.config.attention_window == [2, 8, 90]
    assert find_windows(loaded) == [2, 8, 90]
    assert find_implementations(loaded) == {"local_blocked"}
    assert_same_weights(loaded, local)
    torch.testing.assert_close(first_output(loaded, audio), expected)
    back = loaded.to_hubert()
    assert type(back) is plain_class
    assert_same_weights(back, plain)
    torch.testing.assert_close(first_output(back, audio), first_output(plain, audio))
    back.save_pretrained(tmp_path / "plain")
    config = json.loads((tmp_path / "plain/config.json").read_text())
    assert config["model_type"] == "hubert"
    assert "attention_window" not in config


@pytest.mark.parametrize("source", [HubertModel, HubertForCTC])
def test_a_folder_with_any_hubert_gives_the_backbone(source, tmp_path):
    torch.manual_seed(0)
    plain = source(HubertConfig(**TINY)).eval()
    plain.save_pretrained(tmp_path)
    local = LHubertModel.from_hubert(str(tmp_path), 8)
    backbone = getattr(plain, "hubert", plain)
    for name, value in backbone.state_dict().items():
        assert torch.equal(local.state_dict()[name], value), name


def test_weight_norm_under_its_old_names_is_loaded(tmp_path):
    plain = hubert()
    plain.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    prefix = "encoder.pos_conv_embed.conv."
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        weights[prefix + old] = weights.pop(f"{prefix}parametrizations.weight.{new}")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    audio = waveform(20)
    local = LHubertModel.from_hubert(str(tmp_path), 38)
    torch.testing.assert_close(first_output(local, audio), first_output(plain, audio))


def test_the_implementation_can_be_chosen_when_loading(tmp_path):
    lhubert(8).save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path, attn_implementation="local_masked")
    assert find_implementations(loaded) == {"local_masked"}


def test_a_configuration_survives_its_file(tmp_path):
    config = LHubertConfig(**TINY, attention_window=[2, 4, 6], num_clusters=11)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is LHubertConfig
    assert (loaded.attention_window, loaded.num_clusters) == ([2, 4, 6], 11)


def test_another_architecture_is_refused(tmp_path):
    bert = BertModel(BertConfig(hidden_size=24, num_attention_heads=2, num_hidden_layers=1))
    bert.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="`source` must be a HuBERT, got a bert model"):
        LHubertModel.from_hubert(bert, 4)
    with pytest.raises(ModelError, match="must hold a lhubert model, got a bert model"):
        LHubertModel.from_hubert(str(tmp_path), 4)


def test_a_folder_that_is_not_there_or_lacks_weights_is_refused(tmp_path):
    with pytest.raises(ModelError, match="must be a folder or hub name"):
        LHubertModel.from_hubert(str(tmp_path / "nothing"), 4)
    hubert().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layers.1.attention.q_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 .* such as encoder.layers.1.attention.q_proj"):
        LHubertModel.from_hubert(str(tmp_path), 4)


def test_a_new_head_on_a_folder_is_random_and_not_what_lay_in_memory(tmp_path):
    hubert().save_pretrained(tmp_path)
    torch.manual_seed(0)
    local = LHubertForPreTraining.from_hubert(str(tmp_path), 4, num_clusters=500)
    table = local.label_embeddings.detach()
    assert table.shape == (500, 256)
    assert 0 <= table.min() < 0.01 < 0.99 < table.max() <= 1
    assert table.mean().item() == pytest.approx(0.5, abs=0.01)
    assert local.final_proj.weight.std().item() == pytest.approx(0.02, rel=0.1)
    head = LHubertForCTC.from_hubert(str(tmp_path), 4, vocab_size=9)
    assert head.lm_head.weight.std().item() == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize("local_class", CLASSES)
def test_full_attention_cannot_come_back_unnoticed(local_class, tmp_path):
    fields = CLASSES[local_class][2]
    local = local_class(LHubertConfig(**TINY, **fields))
    local.set_attn_implementation("local_masked")
    assert find_implementations(local) == {"local_masked"}
    for name in ("sdpa", "eager"):
        with pytest.raises(ModelError, match=f"unknown `implementation` '{name}'"):
            local.set_attn_implementation(name)
    local.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="unknown `implementation` 'eager'"):
        local_class.from_pretrained(tmp_path, attn_implementation="eager")
    with pytest.raises(ModelError, match=r"got None; `to_hubert\(\)` of the loaded model gives"):
        CLASSES[local_class][1].from_pretrained(tmp_path, local_implementation=None)


def test_a_wrong_setting_is_named_and_not_the_weights_of_a_folder(tmp_path):
    hubert().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="^`attention_window` must be a positive even number"):
        LHubertModel.from_hubert(str(tmp_path), attention_window=33)
    with pytest.raises(ModelError, match="^`num_clusters` of the configuration must be at least 1"):
        LHubertForPreTraining.from_hubert(str(tmp_path), 4, num_clusters=0)


def test_a_folder_whose_configuration_has_an_impossible_window_is_named(tmp_path):
    lhubert(8).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"attention_window": 33}))
    with pytest.raises(ModelError, match="^`checkpoint` .* is wrong: `attention_window` must be"):
        LHubertModel.from_hubert(str(tmp_path), 4)


def test_what_fits_of_a_head_is_kept_from_a_folder_and_from_a_model_in_memory(tmp_path):
    torch.manual_seed(0)
    fields: dict[str, Any] = {"num_clusters": 7}
    plain = HubertForPreTraining(HubertConfig(**TINY, **fields)).eval()
    plain.save_pretrained(tmp_path)
    for source in (str(tmp_path), plain):
        local = LHubertForPreTraining.from_hubert(source, 8, num_clusters=5)
        assert torch.equal(local.final_proj.weight, plain.final_proj.weight)
        assert torch.equal(local.final_proj.bias, plain.final_proj.bias)
        assert local.label_embeddings.shape == (5, 256)
        assert_same_weights(local.hubert, plain.hubert)
