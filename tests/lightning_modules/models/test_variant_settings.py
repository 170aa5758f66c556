"""Sizes, dropout and settings of the variants."""

import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lightning_modules.attention import local_attention
from lightning_modules.attention.interface import find_windows
from lightning_modules.errors import ModelError
from lightning_modules.variants import VARIANTS, build_module, find_variant, vanilla_of
from tests.samples.variants.models import (
    TEXT,
    VARIANT_CASES,
    batch_of,
    build,
    predict,
)

MODERNBERT_DROPOUTS = {"attention_dropout": 0.0, "embedding_dropout": 0.0, "mlp_dropout": 0.0}
DROPOUTS = {
    "bert": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "longformer": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "nystromformer": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "bigbird": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "local_bert": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "fnet": {"hidden_dropout_prob": 0.1},
    "modernbert_full": MODERNBERT_DROPOUTS,
    "modernbert": MODERNBERT_DROPOUTS,
    "hubert": {"hidden_dropout": 0.1, "attention_dropout": 0.1, "layerdrop": 0.1},
    "lhubert": {"activation_dropout": 0.1, "attention_dropout": 0.1, "layerdrop": 0.1},
    "parakeet": {"dropout": 0.1, "attention_dropout": 0.1, "layerdrop": 0.1},
    "whisper": {"dropout": 0.0, "attention_dropout": 0.0, "encoder_layerdrop": 0.0},
    "vit": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "swin": {"hidden_dropout_prob": 0.0, "drop_path_rate": 0.1},
    "swinv2": {"hidden_dropout_prob": 0.0, "drop_path_rate": 0.1},
}


def dropouts_in_force(config):
    """Return the fields of a configuration that drop something at random."""
    fields = config.to_dict().items()
    return {name: value for name, value in fields if "drop" in name and value}


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_training_without_dropout_is_deterministic(modality, variant):
    module = build(modality, variant).train()
    batch = batch_of(modality, find_variant(modality, variant).minimum_length + 15, batch_size=1)
    batch.pop("mask_time_indices", None)  # none are drawn instead
    with torch.no_grad():
        assert torch.equal(module(**batch), module(**batch))


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_published_dropout_is_random_in_training(modality, variant):
    module = build(modality, variant, dropout="published").train()
    batch = batch_of(modality, find_variant(modality, variant).minimum_length + 15, batch_size=4)
    is_random = bool(dropouts_in_force(module.model.config))
    with torch.no_grad():
        assert torch.equal(module(**batch), module(**batch)) != is_random


@pytest.mark.parametrize("variant", TEXT)
def test_text_of_the_longest_length_fits_and_longer_text_is_refused(variant):
    length = max(97, find_variant("text", variant).minimum_length)
    module = build("text", variant, max_length=length)
    assert predict(module, batch_of("text", length, batch_size=1)).shape[1] == length
    with pytest.raises(ValueError, match=f"`max_length` must be at least {length + 1}"):
        predict(module, batch_of("text", length + 1))


@pytest.mark.parametrize("side", [48, 96, 100])
def test_vit_takes_sides_it_was_not_built_for(side):
    module = build("vision", "vit", max_length=96)
    assert predict(module, batch_of("vision", side)).isfinite().all()


@pytest.mark.parametrize(("efficient", "side"), [("swin", 224), ("swinv2", 256)])
@pytest.mark.parametrize("size", ["base", "wide", "small", "tiny"])
def test_swin_costs_what_vit_costs_at_every_size_as_published(size, efficient, side):
    costs = {}
    for variant in ("vit", efficient):
        with torch.device("meta"):
            kernel = find_variant("vision", variant).like_for_like
            module = build_module("vision", variant, size=size, implementation=kernel)
            images = torch.zeros(1, 3, side, side)
        with FlopCounterMode(display=False) as counter:
            module(images)
        costs[variant] = counter.get_total_flops()
    # 0.88 at the published size; the smallest published pair has 0.98.
    assert 0.8 < costs[efficient] / costs["vit"] < 1.0


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_dropout_is_as_published_or_none(modality, variant):
    published = build(modality, variant, dropout="published").model.config
    none = build(modality, variant).model.config
    # Of a variant that is not in the table, what its library publishes.
    expected = DROPOUTS.get(variant, dropouts_in_force(published))
    assert {name: getattr(published, name) for name in expected} == expected
    assert {name: getattr(none, name) for name in expected} == dict.fromkeys(expected, 0.0)
    assert dropouts_in_force(none) == {}


@pytest.mark.parametrize(("modality", "variant"), [("text", "local_bert"), ("speech", "lhubert")])
def test_attention_dropout_reaches_the_local_kernels_in_training_alone(
    modality, variant, monkeypatch
):
    seen = []

    def spy(*arguments, **named):
        seen.append(arguments[5])
        return local_attention(*arguments, **named)

    monkeypatch.setattr("lightning_modules.attention.interface.local_attention", spy)
    module = build(modality, variant, dropout="published")
    module.model.config.layerdrop = 0.0
    module.train()(**batch_of(modality, 20))
    predict(module, batch_of(modality, 20))
    assert seen == [0.1, 0.1, 0.0, 0.0]


@pytest.mark.parametrize(
    ("modality", "variant", "facts", "parameters"),
    [
        ("text", "bert", {}, 109_514_298),
        ("text", "modernbert", {"num_classes": 50368}, 149_655_232),
        ("text", "modernbert_full", {"num_classes": 50368}, 149_655_232),
        ("text", "fnet", {"num_classes": 32000}, 82_894_592),
        ("speech", "hubert", {"num_classes": 100}, 94_371_712 + 76_900),
        ("speech", "parakeet", {"num_classes": 100}, 108_762_192 + 51_300),
        ("speech", "whisper", {"num_classes": 100}, 88_154_112 + 80 + 76_900),
        ("vision", "vit", {"num_classes": 1000}, 86_567_656),
        ("vision", "swin", {"num_classes": 1000}, 87_768_224),
        ("vision", "swinv2", {"num_classes": 1000}, 87_918_816),
    ],
)
def test_base_is_the_published_configuration(modality, variant, facts, parameters):
    with torch.device("meta"):
        module = build_module(modality, variant, size="base", **facts)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("txt", "bert"), {}, "unknown `modality` 'txt'; choose one of: speech, text, vision"),
        (
            ("speech", "bert"),
            {},
            "unknown `variant` 'bert' for speech; .* hubert, lhubert, parakeet, whisper",
        ),
        (("text", "bert"), {"implementation": "flash"}, "choose one of: eager, sdpa"),
        (("text", "bert"), {"size": "huge"}, "unknown `size` 'huge'; .* base, small, tiny, wide"),
        (("text", "bert"), {"dropout": "some"}, "unknown `dropout` 'some'; .* none, published"),
        (
            ("text", "bert"),
            {"num_classes": 9, "pad_token_id": 9},
            "`pad_token_id` .* below .*, 9, got 9",
        ),
        (("text", "bert"), {"pad_token_id": -1}, "`pad_token_id` must be at least 0 .* got -1"),
        (("text", "bert"), {"attention_window": 8}, "`attention_window` must be left out for bert"),
        (("text", "longformer"), {"attention_window": 7}, "positive even number .* got 7"),
        (("speech", "lhubert"), {"attention_window": -4}, "positive even number .* got -4"),
        (("text", "bert"), {"max_length": 0}, "`max_length` must be at least 1, got 0"),
        (("vision", "vit"), {"max_length": -1}, "`max_length` must be at least 1, got -1"),
        *(
            ((modality, variant), {"num_classes": 0}, "`num_classes` must be at least 1, got 0")
            for modality, variant in (("text", "bert"), ("speech", "hubert"), ("vision", "vit"))
        ),
    ],
)
def test_bad_settings_are_named_in_one_sentence(arguments, settings, message):
    with pytest.raises(ModelError, match=message):
        build_module(*arguments, **settings)


def test_every_modality_has_one_vanilla_variant_and_consistent_defaults():
    assert VARIANTS
    for modality, variants in VARIANTS.items():
        for name, variant in variants.items():
            vanilla = variants[vanilla_of(modality, name)]
            assert vanilla.is_vanilla
            assert variant.is_vanilla or "eager" in vanilla.implementations
        for entry in variants.values():
            assert {entry.default, entry.like_for_like} <= set(entry.implementations)
            assert entry.takes_window == (entry.default_window is not None)


def test_default_window_reaches_every_layer():
    module = build_module("speech", "lhubert")
    assert find_windows(module) == [100, 100]


def test_registry_is_read_without_torch():
    program = (
        "import sys; from lightning_modules.variants import validate_settings; "
        "validate_settings('text', 'bert'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_speech_variants_that_differ_in_attention_alone_have_the_same_front_end():
    front_ends = {
        type(build("speech", name).model.feature_extractor)
        for name, variant in VARIANTS["speech"].items()
        if variant.attention_only
    }
    assert len(front_ends) == 1
