"""Weights from a folder: loaded whole, at any length, or refused in one sentence."""

import copy
import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    HubertModel,
    SwinConfig,
    SwinForImageClassification,
)

from lightning_modules.checkpoints.vocabulary import read_vocabulary
from lightning_modules.errors import ModelError
from lightning_modules.variants import VARIANTS, build_module, find_variant
from tests.samples.variants.models import TEXT, VARIANT_CASES, WINDOW, batch_of, build, predict


@pytest.mark.parametrize("variant", TEXT)
def test_text_checkpoint_comes_back_with_a_longer_position_table(variant, tmp_path):
    length = find_variant("text", variant).minimum_length + 5
    saved = build("text", variant)
    saved.model.save_pretrained(tmp_path)
    settings = {} if variant != "local_bert" else {"attention_window": WINDOW}
    loaded = build("text", variant, checkpoint=str(tmp_path), max_length=900, **settings)
    assert loaded.model.training
    batch = batch_of("text", length)
    torch.testing.assert_close(predict(loaded, batch), predict(saved, batch))
    assert predict(loaded, batch_of("text", 900, batch_size=1)).isfinite().all()


@pytest.mark.parametrize("variant", sorted(VARIANTS["speech"]))
def test_speech_checkpoint_comes_back(variant, tmp_path):
    saved = build("speech", variant)
    saved.model.save_pretrained(tmp_path)
    loaded = build("speech", variant, checkpoint=str(tmp_path))
    loaded.head.load_state_dict(saved.head.state_dict())
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    batch = batch_of("speech", 30)
    torch.testing.assert_close(loaded.eval()(**batch), saved.eval()(**batch))


@pytest.mark.parametrize("variant", sorted(VARIANTS["vision"]))
def test_vision_checkpoint_comes_back_at_another_side(variant, tmp_path):
    saved = build("vision", variant, max_length=224)
    saved.model.save_pretrained(tmp_path)
    loaded = build("vision", variant, checkpoint=str(tmp_path), max_length=256)
    batch = batch_of("vision", 256, batch_size=1)
    torch.testing.assert_close(predict(loaded, batch), predict(saved, batch))


def test_checkpoint_of_another_architecture_is_refused(tmp_path):
    build("text", "bert").model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="`checkpoint` must hold a longformer model, got a bert"):
        build("text", "longformer", checkpoint=str(tmp_path))
    with pytest.raises(ModelError, match="`checkpoint` must be a folder or hub name"):
        build("text", "bert", checkpoint=str(tmp_path / "missing"))


@pytest.mark.parametrize(
    "content",
    [
        *("", "5", '{"model_type": "bert", "hidden_size": "wide"}'),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_damaged_configuration_is_named_in_one_sentence(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match="`checkpoint` must be a folder or hub name .* got") as no:
        build("text", "bert", checkpoint=str(tmp_path))
    assert len(str(no.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b"half"])
def test_a_damaged_checkpoint_is_named_in_one_sentence(tmp_path, content):
    build("text", "bert").model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    with pytest.raises(ModelError, match="`checkpoint` .* holds no weights that load: .") as caught:
        build("text", "bert", checkpoint=str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "5", pytest.param("[" * 100_000, id="deep")])
def test_damaged_letters_of_a_checkpoint_are_named_in_one_sentence(tmp_path, content):
    (tmp_path / "vocab.json").write_text(content)
    with pytest.raises(ModelError, match=r"`checkpoint` has a vocab\.json that is damaged"):
        read_vocabulary(str(tmp_path))


def test_weights_that_are_missing_or_of_another_shape_are_never_random_ones(tmp_path):
    build("vision", "vit").model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    with pytest.raises(ModelError, match=r"lacks \d+ .* such as vit\."):
        build("vision", "vit", checkpoint=str(tmp_path))
    weights = load_file(tmp_path / "model.safetensors")
    del weights[next(name for name in weights if ".1." in name and name.endswith(".weight"))]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"lacks 1 .* such as vit\."):
        build("vision", "vit", checkpoint=str(tmp_path))


def test_a_head_may_be_missing_from_a_checkpoint(tmp_path):
    module = build("text", "bert")
    module.model.bert.save_pretrained(tmp_path)
    loaded = build("text", "bert", checkpoint=str(tmp_path))
    ours, theirs = (m.model.bert.embeddings.word_embeddings.weight for m in (module, loaded))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_a_checkpoint_has_the_size_that_it_has(modality, variant, tmp_path):
    build(modality, variant, size="tiny").model.save_pretrained(tmp_path)
    loaded = build(modality, variant, size="base", checkpoint=str(tmp_path))
    assert loaded.size == "tiny"


def test_a_checkpoint_of_no_named_size_is_custom(tmp_path):
    config = BertConfig(
        num_hidden_layers=1, hidden_size=48, num_attention_heads=3, intermediate_size=96
    )
    BertForMaskedLM(config).save_pretrained(tmp_path)
    assert build("text", "bert", checkpoint=str(tmp_path)).size == "custom"


@pytest.mark.parametrize("pad_token_id", [0, 1])
@pytest.mark.parametrize(
    ("variant", "first"),
    [("bert", 0), ("longformer", None), ("nystromformer", 2), ("bigbird", 0), ("fnet", 0)],
)
def test_new_positions_repeat_the_learned_ones_from_the_first_token_on(
    variant, first, pad_token_id, tmp_path
):
    first = pad_token_id + 1 if first is None else first
    saved = build("text", variant).model
    saved.config.pad_token_id = pad_token_id
    saved.save_pretrained(tmp_path)
    grown = build("text", variant, checkpoint=str(tmp_path), max_length=2000)
    before, after = (model.state_dict()[grown.position_table] for model in (saved, grown.model))
    learned = before[first:]
    assert len(after) >= 2000
    assert torch.equal(after[: len(before)], before)
    again = after[len(before) : len(before) + len(learned)]
    assert torch.equal(again, learned[: len(again)])


def test_without_a_length_a_checkpoint_takes_what_its_table_has(tmp_path):
    build("text", "longformer", max_length=333).model.save_pretrained(tmp_path)
    settings = {"attention_window": WINDOW, "checkpoint": str(tmp_path)}
    loaded = build_module("text", "longformer", **settings)
    assert loaded.max_length == 333
    assert predict(loaded, batch_of("text", 333, batch_size=1)).shape[1] == 333


@pytest.mark.parametrize("variant", TEXT)
@pytest.mark.parametrize("max_length", [768, 832])
def test_without_a_length_every_variant_takes_what_its_table_has(variant, max_length, tmp_path):
    build("text", variant, max_length=max_length).model.save_pretrained(tmp_path)
    settings: dict[str, Any] = {"checkpoint": str(tmp_path)}
    if find_variant("text", variant).takes_window:
        settings["attention_window"] = WINDOW
    loaded = build_module("text", variant, **settings)
    assert loaded.max_length == loaded.longest_input == max_length
    batch = batch_of("text", max_length, batch_size=1)
    assert predict(loaded, batch).shape == (1, max_length, 40)


@pytest.mark.parametrize(("variant", "positions"), [("bigbird", 710), ("nystromformer", 100)])
def test_positions_that_only_padding_takes_need_not_be_learned(variant, positions, tmp_path):
    saved = build("text", variant).model
    config = copy.deepcopy(saved.config)
    config.max_position_embeddings = positions
    type(saved)(config).save_pretrained(tmp_path)
    loaded = build_module("text", variant, checkpoint=str(tmp_path))
    assert loaded.max_length == positions
    assert predict(loaded, batch_of("text", positions, batch_size=1)).isfinite().all()


def test_a_saved_speech_model_keeps_its_mask_vector(tmp_path):
    saved = build("speech", "hubert").model
    with torch.no_grad():
        saved.masked_spec_embed.fill_(3.0)
    saved.save_pretrained(tmp_path)
    loaded = HubertModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.masked_spec_embed, saved.masked_spec_embed)


def test_swin_checkpoints_with_another_window_get_the_side_that_it_needs(tmp_path):
    config = SwinConfig(
        embed_dim=32,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        window_size=9,
        id2label=dict(enumerate("abc")),
    )
    SwinForImageClassification(config).save_pretrained(tmp_path)
    module = build("vision", "swin", checkpoint=str(tmp_path))
    assert module.effective_length(224) == (9 * 32 // 4) ** 2
    assert predict(module, batch_of("vision", 224, batch_size=1)).isfinite().all()
    module.check_active(224)


# Tokens that the library's own model computes on without padding.
WHOLE = {"bigbird": 768, "nystromformer": 192}


@pytest.mark.parametrize("variant", ["bigbird", "fnet", "nystromformer"])
@pytest.mark.parametrize(
    ("stored", "computed"), [("relu", "relu"), ("gelu_new", "gelu_pytorch_tanh")]
)
def test_a_checkpoint_computes_its_own_activation_if_in_fewer_steps(
    variant, stored, computed, tmp_path
):
    built = build("text", variant).model
    config = copy.deepcopy(built.config)
    config.hidden_act = stored
    library = type(built)(config).eval()
    library.save_pretrained(tmp_path)
    loaded = build("text", variant, checkpoint=str(tmp_path), max_length=None)
    batch = batch_of("text", WHOLE.get(variant, 60))
    with torch.no_grad():
        expected = library(input_ids=batch["input_ids"]).logits
    torch.testing.assert_close(predict(loaded, batch), expected)
    assert loaded.model.config.hidden_act == computed


@pytest.mark.parametrize(
    ("variant", "field"), [("bigbird", "block_size"), ("nystromformer", "num_landmarks")]
)
def test_a_checkpoint_of_another_sparseness_is_refused(variant, field, tmp_path):
    config = copy.deepcopy(build("text", variant).model.config)
    setattr(config, field, 32)
    config.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=f"must have a `{field}` of 64 for {variant}, got 32 in"):
        build("text", variant, checkpoint=str(tmp_path))
