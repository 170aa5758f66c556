"""Every variant and implementation of the registry keeps what the registry says about it."""

import copy
import subprocess
import sys

import lightning
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertForMaskedLM,
    BigBirdForMaskedLM,
    LongformerForMaskedLM,
    NystromformerConfig,
    NystromformerForMaskedLM,
)

from lightning_modules import local_attention
from lightning_modules.attention.interface import find_windows
from lightning_modules.errors import ModelError
from lightning_modules.variants import VARIANTS, build_module, find_variant, vanilla_of
from tests.sample_models import (
    CASES,
    TEXT,
    VARIANT_CASES,
    batch_of,
    build,
    implementations_here,
    predict,
    with_same_weights,
)


@pytest.mark.parametrize(("modality", "variant", "implementation"), CASES)
def test_output_has_the_expected_shape_and_the_claimed_attention_ran(
    modality, variant, implementation
):
    minimum = find_variant(modality, variant).minimum_length
    for length in (minimum, minimum + 6, minimum + 33):
        module = build(modality, variant, implementation=implementation)
        module.check_active(length)
        logits = predict(module, batch_of(modality, length, batch_size=1))
        assert tuple(logits.shape) == module.expected_output_shape(length, 1)
        assert logits.isfinite().all()
        module.check_active(length)


@pytest.mark.parametrize(("modality", "variant", "implementation"), CASES)
def test_backward_reaches_every_parameter_that_trains(modality, variant, implementation):
    length = find_variant(modality, variant).minimum_length + 8
    module = build(modality, variant, implementation=implementation)
    batch = batch_of(modality, length)
    module.train().loss(module(**batch), batch).backward()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_half_precision_gives_finite_outputs(modality, variant):
    length = find_variant(modality, variant).minimum_length + 8
    module = build(modality, variant)
    batch = batch_of(modality, length, batch_size=1)
    full = predict(module, batch)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = predict(module, batch)
    batch = {k: x.bfloat16() if x.is_floating_point() else x for k, x in batch.items()}
    half = predict(module.bfloat16(), batch)
    for logits in (mixed, half):
        assert (logits.float() - full).abs().max() < 0.15 * full.abs().max() + 0.05


FIRST_ATTENTION = {
    "BertSelfAttention",
    "LongformerSelfAttention",
    "_InverseInFloat32",
    "_BlockSparseInOneDtype",
    "HubertAttention",
    "ViTAttention",
    "ViTSelfAttention",
    "SwinAttention",
    "SwinSelfAttention",
}


def _tokens_seen_by_first_attention(module, batch):
    seen = []

    def note(_, args, kwargs):
        hidden = args[0] if args else kwargs["hidden_states"]
        seen.append(hidden.shape[:-1].numel())

    parts = [part for part in module.modules() if type(part).__name__ in FIRST_ATTENTION]
    hook = parts[0].register_forward_pre_hook(note, with_kwargs=True)
    predict(module, batch)
    hook.remove()
    return seen


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
@pytest.mark.parametrize("above_minimum", [0, 1, 40])
def test_first_layer_computes_on_the_effective_length(modality, variant, above_minimum):
    module = build(modality, variant)
    length = find_variant(modality, variant).minimum_length + above_minimum
    seen = _tokens_seen_by_first_attention(module, batch_of(modality, length, batch_size=1))
    assert seen == [module.effective_length(length)]


@pytest.mark.parametrize(
    ("modality", "variant", "length", "tokens", "effective"),
    [
        ("text", "bert", 33, 33, 33),
        ("text", "longformer", 33, 33, 48),
        ("text", "nystromformer", 65, 65, 128),
        ("text", "nystromformer", 30, 30, 128),
        ("text", "bigbird", 705, 705, 768),
        ("text", "bigbird", 30, 30, 768),
        ("speech", "hubert", 49, 49, 49),
        ("vision", "vit", 224, 197, 197),
        ("vision", "vit", 225, 257, 257),
        ("vision", "swin", 224, 3136, 3136),
        ("vision", "swin", 32, 64, 3136),
        ("vision", "swin", 256, 4096, 4900),
    ],
)
def test_lengths_follow_the_padding_of_the_model(modality, variant, length, tokens, effective):
    module = build(modality, variant)
    assert module.sequence_length(length) == tokens
    assert module.effective_length(length) == effective


@pytest.mark.parametrize(
    ("modality", "variant"),
    [case for case in VARIANT_CASES if len(implementations_here(*case)) > 1],
)
def test_implementations_of_one_variant_agree(modality, variant):
    implementations = implementations_here(modality, variant)
    modules = with_same_weights(
        modality, *({"variant": variant, "implementation": name} for name in implementations)
    )
    batch = batch_of(modality, find_variant(modality, variant).minimum_length + 60)
    if modality == "text":
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        batch["attention_mask"][1, 40:] = 0
    expected, *others = [predict(module, batch) for module in modules]
    for logits in others:
        if modality == "text":
            logits[1, 40:], expected[1, 40:] = 0, 0
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("variant", "implementation"), [case[1:] for case in CASES if case[0] == "text"]
)
def test_padding_does_not_change_real_tokens(variant, implementation):
    minimum = find_variant("text", variant).minimum_length
    module = build("text", variant, implementation=implementation)
    length = minimum + 10
    # Nystromformer averages padding into its landmarks and BigBird attends to its last block from
    # everywhere, so that only padding they would add themselves leaves real tokens alone.
    is_global = variant in ("nystromformer", "bigbird")
    padding = module.effective_length(length) - length if is_global else 37
    batch = batch_of("text", length, batch_size=1)
    alone = predict(module, batch)
    ids = torch.nn.functional.pad(batch["input_ids"], (0, padding))
    mask = (torch.arange(length + padding) < length).long()[None]
    padded = predict(module, {"input_ids": ids, "attention_mask": mask})
    torch.testing.assert_close(padded[:, :length], alone, atol=1e-5, rtol=1e-4)
    if variant != "nystromformer":  # sums over values are not masked in it
        other = ids.masked_fill(mask == 0, 9 if variant != "longformer" else 0)
        again = predict(module, {"input_ids": other, "attention_mask": mask})
        torch.testing.assert_close(again[:, :length], padded[:, :length])


@pytest.mark.parametrize(
    ("variant", "implementation"), [case[1:] for case in CASES if case[0] == "speech"]
)
def test_padding_does_not_change_real_frames_of_the_encoder(variant, implementation):
    # Only there: the group norm of the feature encoder sees the whole padded waveform.
    encoder = build("speech", variant, implementation=implementation).eval().model.encoder
    frames = torch.randn(1, 60, 128)
    mask = torch.arange(60)[None] < 41
    with torch.no_grad():
        padded = encoder(frames.clone(), attention_mask=mask)[0]
        alone = encoder(frames[:, :41].clone())[0]
    torch.testing.assert_close(padded[:, :41], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("modality", "local"), [("text", "local_bert"), ("speech", "lhubert")])
@pytest.mark.parametrize("length", [1, 2, 45])
def test_window_that_covers_the_input_equals_the_vanilla_variant(modality, local, length):
    window = max(2 * (length - 1), 2)
    vanilla = {"variant": vanilla_of(modality)}
    for name in implementations_here(modality, local):
        first = {"variant": local, "implementation": name, "attention_window": window}
        modules = with_same_weights(modality, first, vanilla)
        batch = batch_of(modality, length)
        ours, expected = (predict(module, batch) for module in modules)
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("modality", "local"), [("text", "local_bert"), ("speech", "lhubert")])
def test_narrow_window_differs_from_the_vanilla_variant(modality, local):
    modules = with_same_weights(
        modality, {"variant": local, "attention_window": 2}, {"variant": vanilla_of(modality)}
    )
    ours, expected = (predict(module, batch_of(modality, 45)) for module in modules)
    assert (ours - expected).abs().max() > 1e-3


class _SquareSpy(TorchDispatchMode):
    """Notes the element count of the largest tensor."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
        return result


@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("length", [48, 61])
def test_mask_fixed_longformer_gives_exactly_the_outputs_of_the_library(is_padded, length):
    library, fixed = with_same_weights(
        "text",
        {"variant": "longformer", "implementation": "library"},
        {"variant": "longformer", "implementation": "mask_fixed"},
    )
    batch = batch_of("text", length)
    if is_padded:
        batch["attention_mask"] = (torch.arange(length) < torch.tensor([[length], [30]])).long()
    assert torch.equal(predict(fixed, batch), predict(library, batch))


def test_mask_fixed_longformer_builds_no_square_mask_and_the_library_does():
    largest = {}
    for implementation in ("library", "mask_fixed"):
        module = build("text", "longformer", implementation=implementation, max_length=1600)
        with _SquareSpy() as spy:
            predict(module, batch_of("text", 1600, batch_size=1))
        largest[implementation] = spy.largest
    assert largest["library"] >= 1600**2
    assert largest["mask_fixed"] < 1600**2 / 2


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


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_default_nystromformer, "full attention"),
        (_nystromformer_after_a_short_input, "full attention"),
        (_bigbird_after_a_short_input, "original_full"),
        (_longformer_that_built_the_square_mask, "its mask took 112 times"),
        (_swin_after_a_small_image, "after a smaller image"),
        (_swin_that_lost_a_shift, "after a smaller image"),
        (_bert_switched_behind_our_back, r"would call \['sdpa'\]"),
        (_local_bert_with_another_window, "expected `attention_window` 16"),
    ],
)
def test_check_active_sees_a_model_that_left_its_efficient_path(spoil, message):
    module, length = spoil()
    with pytest.raises(RuntimeError, match=message):
        module.check_active(length)


@pytest.mark.parametrize(
    ("modality", "variant"),
    [case for case in VARIANT_CASES if find_variant(*case).minimum_length > 1],
)
def test_check_active_refuses_lengths_below_the_minimum(modality, variant):
    entry = find_variant(modality, variant)
    with pytest.raises(RuntimeError, match=entry.length_reason):
        build(modality, variant).check_active(entry.minimum_length - 1)


@pytest.mark.parametrize("variant", ["bigbird", "nystromformer"])
def test_inputs_too_short_for_an_efficient_path_are_padded_until_they_have_it(variant):
    module = build("text", variant)
    short = batch_of("text", 20)
    logits = predict(module, short)
    assert logits.shape[1] == 20
    module.check_active(find_variant("text", variant).minimum_length)
    if variant == "bigbird":  # Nystromformer averages its padding into the landmarks
        plain = module.model.bert.set_attention_type("original_full")
        assert plain is None
        full = module.model.eval()(short["input_ids"]).logits
        torch.testing.assert_close(logits, full, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_training_without_dropout_is_deterministic(modality, variant):
    module = build(modality, variant).train()
    batch = batch_of(modality, find_variant(modality, variant).minimum_length + 15, batch_size=1)
    batch.pop("mask_time_indices", None)  # none are drawn instead
    with torch.no_grad():
        assert torch.equal(module(**batch), module(**batch))


@pytest.mark.parametrize(("modality", "variant"), [c for c in VARIANT_CASES if c[1] != "vit"])
def test_published_dropout_is_random_in_training(modality, variant):
    module = build(modality, variant, dropout="published").train()
    batch = batch_of(modality, find_variant(modality, variant).minimum_length + 15, batch_size=4)
    with torch.no_grad():
        assert not torch.equal(module(**batch), module(**batch))


@pytest.mark.parametrize("variant", sorted(VARIANTS["speech"]))
@pytest.mark.parametrize("dropout", ["none", "published"])
def test_masked_frames_show_the_mask_vector_only_in_training_steps(variant, dropout):
    module = build("speech", variant, dropout=dropout).eval()
    batch = batch_of("speech", 40)
    with torch.no_grad():
        masked = module(**batch)
        module.model.masked_spec_embed += 1.0
        assert not torch.equal(masked, module(**batch))
    unmasked = batch | {"mask_time_indices": torch.zeros(2, 40, dtype=torch.bool)}
    assert torch.equal(predict(module, batch), predict(module, unmasked))


def test_loss_counts_masked_frames_only():
    module = build("speech", "hubert")
    batch = batch_of("speech", 12)
    logits = torch.randn(2, 12, 7)
    mask = batch["mask_time_indices"]
    expected = torch.nn.functional.cross_entropy(logits[mask], batch["labels"][mask])
    torch.testing.assert_close(module.loss(logits, batch), expected)
    nothing = batch | {"mask_time_indices": torch.zeros_like(mask)}
    assert module.loss(logits, nothing) == 0


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


@pytest.mark.parametrize("size", ["base", "wide", "small", "tiny"])
def test_swin_costs_what_vit_costs_at_every_size_as_published(size):
    costs = {}
    for variant in ("vit", "swin"):
        with torch.device("meta"):
            module = build_module("vision", variant, size=size, implementation="eager")
            images = torch.zeros(1, 3, 224, 224)
        with FlopCounterMode(display=False) as counter:
            module(images)
        costs[variant] = counter.get_total_flops()
    # 0.88 at the published size; the smallest published pair has 0.98.
    assert 0.8 < costs["swin"] / costs["vit"] < 1.0


def test_clipping_works_in_mixed_precision(tmp_path):
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision="bf16-mixed",
        gradient_clip_val=1.0,
        max_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(build("text", "bert"), DataLoader([batch_of("text", 12)], batch_size=None))
    assert trainer.global_step == 1


@pytest.mark.parametrize(
    ("variant", "library"),
    [
        ("bert", BertForMaskedLM),
        ("longformer", LongformerForMaskedLM),
        ("nystromformer", NystromformerForMaskedLM),
        ("bigbird", BigBirdForMaskedLM),
    ],
)
@pytest.mark.parametrize("is_padded", [False, True])
def test_a_text_variant_is_the_librarys_model(variant, library, is_padded):
    length = 768 if variant == "bigbird" else 128  # a multiple of what each of them pads to
    module = build("text", variant).eval()
    config = copy.deepcopy(module.model.config)
    config._attn_implementation = "eager"
    if variant == "nystromformer":
        config.segment_means_seq_len = length
    plain = library(config).eval()
    plain.load_state_dict(module.model.state_dict(), strict=False)
    ids = batch_of("text", length)["input_ids"]
    mask = torch.ones_like(ids)
    if is_padded:
        mask[1, length - 30 :] = 0
    # Nystromformer's own way of handling a 2-D mask fails, whatever it is.
    given = mask if variant != "nystromformer" else (1.0 - mask)[:, None, None, :] * -1e30
    with torch.no_grad():
        expected = plain(input_ids=ids, attention_mask=given if is_padded else None).logits
        ours = module(input_ids=ids, attention_mask=mask if is_padded else None)
    real = mask.bool()
    torch.testing.assert_close(ours[real], expected[real], atol=2e-5, rtol=1e-4)


DROPOUTS = {
    "bert": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "longformer": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "nystromformer": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "bigbird": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "local_bert": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "hubert": {"hidden_dropout": 0.1, "attention_dropout": 0.1, "layerdrop": 0.1},
    "lhubert": {"activation_dropout": 0.1, "attention_dropout": 0.1, "layerdrop": 0.1},
    "vit": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "swin": {"hidden_dropout_prob": 0.0, "drop_path_rate": 0.1},
}


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_dropout_is_as_published_or_none(modality, variant):
    expected = DROPOUTS[variant]
    published = build(modality, variant, dropout="published").model.config
    none = build(modality, variant).model.config
    assert {name: getattr(published, name) for name in expected} == expected
    assert {getattr(none, name) for name in expected} == {0.0}


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


def test_padded_samples_are_hidden_from_a_speech_variant():
    module = build("speech", "lhubert").eval()
    samples = torch.randn(2, 400 + 320 * 39)
    mask = torch.ones_like(samples, dtype=torch.long)
    mask[1, 400 + 320 * 19 :] = 0
    with torch.no_grad():
        assert not torch.equal(module(samples), module(samples, attention_mask=mask))


@pytest.mark.parametrize(
    ("modality", "variant", "facts", "parameters"),
    [
        ("text", "bert", {}, 109_514_298),
        ("speech", "hubert", {"num_classes": 100}, 94_371_712 + 76_900),
        ("vision", "vit", {"num_classes": 1000}, 86_567_656),
        ("vision", "swin", {"num_classes": 1000}, 87_768_224),
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
        (("speech", "bert"), {}, "unknown `variant` 'bert' for speech; .* hubert, lhubert"),
        (("text", "bert"), {"implementation": "flash"}, "choose one of: eager, sdpa"),
        (("text", "bert"), {"size": "huge"}, "unknown `size` 'huge'; .* base, small, tiny, wide"),
        (("text", "bert"), {"dropout": "some"}, "unknown `dropout` 'some'; .* none, published"),
        (("text", "bert"), {"attention_window": 8}, "`attention_window` must be left out for bert"),
        (("text", "longformer"), {"attention_window": 7}, "positive even number .* got 7"),
        (("speech", "lhubert"), {"attention_window": -4}, "positive even number .* got -4"),
    ],
)
def test_bad_settings_are_named_in_one_sentence(arguments, settings, message):
    with pytest.raises(ModelError, match=message):
        build_module(*arguments, **settings)


def test_every_modality_has_one_vanilla_variant_and_consistent_defaults():
    assert VARIANTS
    for modality, variants in VARIANTS.items():
        assert [name for name in variants if variants[name].vanilla] == [vanilla_of(modality)]
        assert "eager" in variants[vanilla_of(modality)].implementations
        for entry in variants.values():
            assert {entry.default, entry.like_for_like} <= set(entry.implementations)
            assert entry.takes_window == (entry.default_window is not None)


def test_default_window_reaches_every_layer():
    module = build_module("speech", "lhubert")
    assert find_windows(module.model) == [100, 100]


def test_registry_is_read_without_torch():
    program = (
        "import sys; from lightning_modules.variants import validate_settings; "
        "validate_settings('text', 'bert'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("variant", sorted(VARIANTS["speech"]))
def test_a_waveform_with_nan_is_refused_when_predicting(variant):
    module = build("speech", variant)
    batch = batch_of("speech", 30)
    batch["input_values"][1, 500] = float("nan")
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    with pytest.raises(ModelError, match="`input_values` must be finite, got NaN or infinity"):
        trainer.predict(module, DataLoader([batch], batch_size=None))


def test_both_speech_variants_have_the_same_front_end():
    front_ends = {
        type(build("speech", name).model.feature_extractor) for name in VARIANTS["speech"]
    }
    assert len(front_ends) == 1
