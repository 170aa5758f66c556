"""The efficient attention of a variant runs, from its shortest length on."""

import copy
from functools import partial

import pytest
import torch
from transformers import (
    NystromformerConfig,
    NystromformerForMaskedLM,
)
from transformers.models.fnet.modeling_fnet import two_dim_matmul

from lightning_modules.variants import find_variant
from tests.samples.variants.models import (
    VARIANT_CASES,
    batch_of,
    build,
    predict,
)


def _default_nystromformer():
    module = build("text", "nystromformer")
    module.model = NystromformerForMaskedLM(
        NystromformerConfig(hidden_size=24, num_attention_heads=3, num_hidden_layers=2)
    )
    return module, 128


def _nystromformer_after_a_short_input():
    module = build("text", "nystromformer")
    for attention in module._self_attentions():
        attention.seq_len = 64  # what a wrapper that did not pad it would set
    return module, 128


def _bigbird_after_a_short_input():
    module = build("text", "bigbird")
    module.model.eval()(batch_of("text", 100)["input_ids"])
    return module, 768


def _longformer_that_built_the_square_mask():
    module = build("text", "longformer", implementation="mask_fixed")
    module.model.eval()(batch_of("text", 100)["input_ids"])
    return module, 100


def _fnet_as_for_tpus():
    module = build("text", "fnet")
    for transform in module._transforms():
        transform.fourier_transform = partial(two_dim_matmul, matrix_dim_one=None)
    return module, 100


def _swin_after_a_small_image():
    module = build("vision", "swin")
    with pytest.raises(RuntimeError, match="must match the size of tensor"):
        module.model(torch.zeros(1, 3, 64, 64))
    return module, 256


def _swin_that_lost_a_shift():
    module = build("vision", "swin")
    for layer in module.model.swin.encoder.layers[2].blocks:
        layer.set_shift_and_window_size((7, 7))
    return module, 256


def _parakeet_that_subsamples_less():
    module = build("speech", "parakeet")
    module.model.config.subsampling_factor = 4
    return module, 30


def _swinv2_built_for_a_larger_image():
    module = build("vision", "swinv2", max_length=512)
    assert module.check_active(512) is None
    return module, 256


def _whisper_with_fewer_positions():
    module = build("speech", "whisper")
    module.model.config.max_source_positions = 750
    return module, 30


def _bert_switched_behind_our_back():
    module = build("text", "bert", implementation="eager")
    module.model.set_attn_implementation("sdpa")
    return module, 30


def _local_bert_with_another_window():
    module = build("text", "local_bert")
    for part in module.modules():
        if hasattr(part, "attention_window") and part is not module:
            part.attention_window = 2
    return module, 30


def _modernbert_with_another_window():
    module = build("text", "modernbert")
    module.model.model.layers[1].attn.attention_window = 32
    return module, 30


def _modernbert_with_a_window_in_a_full_layer():
    module = build("text", "modernbert")
    module.model.model.layers[0].attn.attention_window = 16
    return module, 30


def _modernbert_whose_mask_is_wider():
    module = build("text", "modernbert", implementation="sdpa")
    module.model.model.layers[1].attn.sliding_window += 1
    return module, 30


def _modernbert_switched_behind_our_back():
    module = build("text", "modernbert")
    module.model.set_attn_implementation("local_masked")
    return module, 30


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_default_nystromformer, "full attention"),
        (_nystromformer_after_a_short_input, "full attention"),
        (_bigbird_after_a_short_input, "original_full"),
        (_longformer_that_built_the_square_mask, "its mask took 112 times"),
        (_fnet_as_for_tpus, r"its layers mix by \['two_dim_matmul'\], not by fftn"),
        (_swin_after_a_small_image, "after an image of another size"),
        (_swin_that_lost_a_shift, "after an image of another size"),
        (_swinv2_built_for_a_larger_image, r"stage 3 has window and shift \(8, 4\) instead of"),
        (_parakeet_that_subsamples_less, "subsamples by 4 instead of 8"),
        (_whisper_with_fewer_positions, "has 750 positions instead of 1,500"),
        (_bert_switched_behind_our_back, r"would call \['sdpa'\]"),
        (_local_bert_with_another_window, "expected `attention_window` 16"),
        (_modernbert_with_another_window, "16 in every sliding layer"),
        (_modernbert_with_a_window_in_a_full_layer, "16 in every sliding layer"),
        (_modernbert_whose_mask_is_wider, "16 in every sliding layer"),
        (_modernbert_switched_behind_our_back, r"would call \['local_masked'\]"),
    ],
)
def test_check_active_sees_a_model_that_left_its_efficient_path(spoil, message):
    module, length = spoil()
    with pytest.raises(RuntimeError, match=message):
        module.check_active(length)


def test_a_smaller_image_leaves_nothing_behind_in_swin():
    module = build("vision", "swin").eval()
    large = torch.rand(2, 3, 448, 448)
    with torch.no_grad():
        alone = module(large)
        module(torch.rand(3, 3, 224, 224))  # its last feature map is one window
        with pytest.raises(RuntimeError, match="after an image of another size"):
            module.check_active(448)
        torch.testing.assert_close(module(large), alone)
    module.check_active(448)


@pytest.mark.parametrize(
    ("modality", "variant"),
    [case for case in VARIANT_CASES if find_variant(*case).minimum_length > 1],
)
def test_check_active_refuses_lengths_below_the_minimum(modality, variant):
    entry = find_variant(modality, variant)
    with pytest.raises(RuntimeError, match=entry.length_reason):
        build(modality, variant).check_active(entry.minimum_length - 1)


@pytest.mark.parametrize(
    ("modality", "variant"),
    [case for case in VARIANT_CASES if find_variant(*case).maximum_length is not None],
)
def test_check_active_refuses_lengths_above_the_maximum(modality, variant):
    entry, module = find_variant(modality, variant), build(modality, variant)
    assert entry.maximum_length is not None
    assert module.longest_input == entry.maximum_length
    module.check_active(entry.maximum_length)
    with pytest.raises(RuntimeError, match=entry.maximum_reason):
        module.check_active(entry.maximum_length + 1)


@pytest.mark.parametrize("variant", ["bigbird", "nystromformer"])
def test_inputs_too_short_for_an_efficient_path_are_padded_until_they_have_it(variant):
    module = build("text", variant).double()
    short = batch_of("text", 20)
    logits = predict(module, short)
    assert logits.shape[1] == 20
    module.check_active(find_variant("text", variant).minimum_length)
    if variant == "bigbird":  # Nystromformer averages its padding into the landmarks
        plain = module.model.bert.set_attention_type("original_full")
        assert plain is None
        full = module.model.eval()(short["input_ids"]).logits
        torch.testing.assert_close(logits, full)


@pytest.mark.parametrize("variant", ["swin", "swinv2"])
def test_no_step_looks_for_the_layers_of_a_swin_again(variant, monkeypatch):
    module = build("vision", variant).eval()
    copied, with_another = copy.deepcopy(module), copy.deepcopy(module)
    with_another.model = build("vision", variant).model.eval()
    for each in (copied, with_another):
        own = set(each.model.modules())
        assert all(layer in own for *_, layer in each._layers())
    monkeypatch.delattr(torch.nn.Module, "modules")
    for each in (module, copied, with_another):
        assert each(**batch_of("vision", 64, batch_size=1)).isfinite().all()
