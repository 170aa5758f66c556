"""Every variant and implementation of the registry keeps what the registry says about it."""

import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import NystromformerConfig, NystromformerForMaskedLM

from lightning_modules.attention.interface import find_windows
from lightning_modules.errors import ModelError
from lightning_modules.variants import VARIANTS, build_module, find_variant, vanilla_of

NUM_CLASSES = {"text": 40, "speech": 7, "vision": 3}
WINDOW = 16
VARIANT_CASES = [(modality, name) for modality in VARIANTS for name in VARIANTS[modality]]
CASES = [
    (modality, name, implementation)
    for modality, name in VARIANT_CASES
    for implementation in VARIANTS[modality][name].implementations
]
TEXT = sorted(VARIANTS["text"])


def _build(modality, variant, **settings):
    torch.manual_seed(0)
    entry = find_variant(modality, variant)
    if entry.takes_window:
        settings.setdefault("attention_window", WINDOW)
    settings.setdefault("max_length", 800 if variant == "bigbird" else 160)
    return build_module(modality, variant, num_classes=NUM_CLASSES[modality], **settings)


def _batch(modality, length, batch_size=2):
    generator = torch.Generator().manual_seed(length)
    if modality == "text":
        ids = torch.randint(5, 40, (batch_size, length), generator=generator)
        return {"input_ids": ids, "labels": ids.roll(1, 1)}
    if modality == "speech":
        samples = torch.randn(batch_size, 400 + 320 * (length - 1), generator=generator)
        is_masked = torch.rand(batch_size, length, generator=generator) < 0.4
        is_masked[:, 0] = True
        labels = torch.randint(0, 7, (batch_size, length), generator=generator)
        return {"input_values": samples, "mask_time_indices": is_masked, "labels": labels}
    pixels = torch.randn(batch_size, 3, length, length, generator=generator)
    return {"pixel_values": pixels, "labels": torch.arange(batch_size)}


@torch.no_grad()
def _predict(module, batch):
    return module.eval().predict_step(batch, 0)


def _same_weights(modality, first, *others):
    modules = [_build(modality, **first), *(_build(modality, **other) for other in others)]
    for module in modules[1:]:
        module.load_state_dict(modules[0].state_dict())
    return modules


@pytest.mark.parametrize(("modality", "variant", "implementation"), CASES)
def test_output_has_the_expected_shape_and_the_claimed_attention_ran(
    modality, variant, implementation
):
    minimum = find_variant(modality, variant).minimum_length
    for length in (minimum, minimum + 6, minimum + 33):
        module = _build(modality, variant, implementation=implementation)
        module.check_active(length)
        logits = _predict(module, _batch(modality, length, batch_size=1))
        assert tuple(logits.shape) == module.expected_output_shape(length, 1)
        assert logits.isfinite().all()
        module.check_active(length)


@pytest.mark.parametrize(("modality", "variant", "implementation"), CASES)
def test_backward_reaches_every_parameter_that_trains(modality, variant, implementation):
    length = find_variant(modality, variant).minimum_length + 8
    module = _build(modality, variant, implementation=implementation)
    batch = _batch(modality, length)
    module.train().loss(module(**batch), batch).backward()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_half_precision_gives_finite_outputs(modality, variant):
    length = find_variant(modality, variant).minimum_length + 8
    module = _build(modality, variant)
    batch = _batch(modality, length, batch_size=1)
    full = _predict(module, batch)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = _predict(module, batch)
    batch = {k: x.bfloat16() if x.is_floating_point() else x for k, x in batch.items()}
    half = _predict(module.bfloat16(), batch)
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
    _predict(module, batch)
    hook.remove()
    return seen


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
@pytest.mark.parametrize("above_minimum", [0, 1, 40])
def test_first_layer_computes_on_the_effective_length(modality, variant, above_minimum):
    module = _build(modality, variant)
    length = find_variant(modality, variant).minimum_length + above_minimum
    seen = _tokens_seen_by_first_attention(module, _batch(modality, length, batch_size=1))
    assert seen == [module.effective_length(length)]


@pytest.mark.parametrize(
    ("modality", "variant", "length", "tokens", "effective"),
    [
        ("text", "bert", 33, 33, 33),
        ("text", "longformer", 33, 33, 48),
        ("text", "nystromformer", 65, 65, 128),
        ("text", "bigbird", 705, 705, 768),
        ("speech", "hubert", 49, 49, 49),
        ("vision", "vit", 224, 197, 197),
        ("vision", "vit", 225, 257, 257),
        ("vision", "swin", 224, 3136, 3136),
        ("vision", "swin", 32, 64, 3136),
        ("vision", "swin", 256, 4096, 4900),
    ],
)
def test_lengths_follow_the_padding_of_the_model(modality, variant, length, tokens, effective):
    module = _build(modality, variant)
    assert module.sequence_length(length) == tokens
    assert module.effective_length(length) == effective


@pytest.mark.parametrize(
    ("modality", "variant"),
    [case for case in VARIANT_CASES if len(find_variant(*case).implementations) > 1],
)
def test_implementations_of_one_variant_agree(modality, variant):
    implementations = find_variant(modality, variant).implementations
    modules = _same_weights(
        modality, *({"variant": variant, "implementation": name} for name in implementations)
    )
    batch = _batch(modality, find_variant(modality, variant).minimum_length + 60)
    if modality == "text":
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        batch["attention_mask"][1, 40:] = 0
    expected, *others = [_predict(module, batch) for module in modules]
    for logits in others:
        if modality == "text":
            logits[1, 40:], expected[1, 40:] = 0, 0
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("variant", "implementation"), [case[1:] for case in CASES if case[0] == "text"]
)
def test_padding_does_not_change_real_tokens(variant, implementation):
    minimum = find_variant("text", variant).minimum_length
    module = _build("text", variant, implementation=implementation)
    length = minimum + 10
    # Nystromformer averages padding into its landmarks and BigBird attends to its last block from
    # everywhere, so that only padding they would add themselves leaves real tokens alone.
    is_global = variant in ("nystromformer", "bigbird")
    padding = module.effective_length(length) - length if is_global else 37
    batch = _batch("text", length, batch_size=1)
    alone = _predict(module, batch)
    ids = torch.nn.functional.pad(batch["input_ids"], (0, padding))
    mask = (torch.arange(length + padding) < length).long()[None]
    padded = _predict(module, {"input_ids": ids, "attention_mask": mask})
    torch.testing.assert_close(padded[:, :length], alone, atol=1e-5, rtol=1e-4)
    if variant != "nystromformer":  # sums over values are not masked in it
        other = ids.masked_fill(mask == 0, 9 if variant != "longformer" else 0)
        again = _predict(module, {"input_ids": other, "attention_mask": mask})
        torch.testing.assert_close(again[:, :length], padded[:, :length])


@pytest.mark.parametrize(
    ("variant", "implementation"), [case[1:] for case in CASES if case[0] == "speech"]
)
def test_padding_does_not_change_real_frames_of_the_encoder(variant, implementation):
    # Only there: the group norm of the feature encoder sees the whole padded waveform.
    encoder = _build("speech", variant, implementation=implementation).eval().model.encoder
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
    for name in find_variant(modality, local).implementations:
        first = {"variant": local, "implementation": name, "attention_window": window}
        modules = _same_weights(modality, first, vanilla)
        batch = _batch(modality, length)
        ours, expected = (_predict(module, batch) for module in modules)
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("modality", "local"), [("text", "local_bert"), ("speech", "lhubert")])
def test_narrow_window_differs_from_the_vanilla_variant(modality, local):
    modules = _same_weights(
        modality, {"variant": local, "attention_window": 2}, {"variant": vanilla_of(modality)}
    )
    ours, expected = (_predict(module, _batch(modality, 45)) for module in modules)
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
    library, fixed = _same_weights(
        "text",
        {"variant": "longformer", "implementation": "library"},
        {"variant": "longformer", "implementation": "mask_fixed"},
    )
    batch = _batch("text", length)
    if is_padded:
        batch["attention_mask"] = (torch.arange(length) < torch.tensor([[length], [30]])).long()
    assert torch.equal(_predict(fixed, batch), _predict(library, batch))


def test_mask_fixed_longformer_builds_no_square_mask_and_the_library_does():
    largest = {}
    for implementation in ("library", "mask_fixed"):
        module = _build("text", "longformer", implementation=implementation, max_length=1600)
        with _SquareSpy() as spy:
            _predict(module, _batch("text", 1600, batch_size=1))
        largest[implementation] = spy.largest
    assert largest["library"] >= 1600**2
    assert largest["mask_fixed"] < 1600**2 / 2


def _default_nystromformer():
    module = _build("text", "nystromformer")
    module.model = NystromformerForMaskedLM(
        NystromformerConfig(hidden_size=24, num_attention_heads=3, num_hidden_layers=2)
    )
    return module, 128


def _nystromformer_after_a_short_input():
    module = _build("text", "nystromformer")
    _predict(module, _batch("text", 30))
    return module, 128


def _bigbird_after_a_short_input():
    module = _build("text", "bigbird")
    _predict(module, _batch("text", 100))
    return module, 768


def _swin_after_a_small_image():
    module = _build("vision", "swin")
    with pytest.raises(RuntimeError, match="must match the size of tensor"):
        module.model(torch.zeros(1, 3, 64, 64))
    return module, 256


def _swin_that_lost_a_shift():
    module = _build("vision", "swin")
    for layer in module.model.swin.encoder.layers[2].blocks:
        layer.set_shift_and_window_size((7, 7))
    return module, 256


def _bert_switched_behind_our_back():
    module = _build("text", "bert", implementation="eager")
    module.model.set_attn_implementation("sdpa")
    return module, 30


def _local_bert_with_another_window():
    module = _build("text", "local_bert")
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
        _build(modality, variant).check_active(entry.minimum_length - 1)


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_training_without_dropout_is_deterministic(modality, variant):
    module = _build(modality, variant).train()
    batch = _batch(modality, find_variant(modality, variant).minimum_length + 15, batch_size=1)
    batch.pop("mask_time_indices", None)  # none are drawn instead
    with torch.no_grad():
        assert torch.equal(module(**batch), module(**batch))


@pytest.mark.parametrize(("modality", "variant"), [c for c in VARIANT_CASES if c[1] != "vit"])
def test_published_dropout_is_random_in_training(modality, variant):
    module = _build(modality, variant, dropout="published").train()
    batch = _batch(modality, find_variant(modality, variant).minimum_length + 15, batch_size=4)
    with torch.no_grad():
        assert not torch.equal(module(**batch), module(**batch))


@pytest.mark.parametrize("variant", sorted(VARIANTS["speech"]))
@pytest.mark.parametrize("dropout", ["none", "published"])
def test_masked_frames_show_the_mask_vector_only_in_training_steps(variant, dropout):
    module = _build("speech", variant, dropout=dropout).eval()
    batch = _batch("speech", 40)
    with torch.no_grad():
        masked = module(**batch)
        module.model.masked_spec_embed += 1.0
        assert not torch.equal(masked, module(**batch))
    unmasked = batch | {"mask_time_indices": torch.zeros(2, 40, dtype=torch.bool)}
    assert torch.equal(_predict(module, batch), _predict(module, unmasked))


def test_loss_counts_masked_frames_only():
    module = _build("speech", "hubert")
    batch = _batch("speech", 12)
    logits = torch.randn(2, 12, 7)
    mask = batch["mask_time_indices"]
    expected = torch.nn.functional.cross_entropy(logits[mask], batch["labels"][mask])
    torch.testing.assert_close(module.loss(logits, batch), expected)
    nothing = batch | {"mask_time_indices": torch.zeros_like(mask)}
    assert module.loss(logits, nothing) == 0


@pytest.mark.parametrize("variant", TEXT)
def test_text_of_the_longest_length_fits_and_longer_text_is_refused(variant):
    length = max(97, find_variant("text", variant).minimum_length)
    module = _build("text", variant, max_length=length)
    assert _predict(module, _batch("text", length, batch_size=1)).shape[1] == length
    with pytest.raises(ValueError, match=f"`max_length` must be at least {length + 1}"):
        _predict(module, _batch("text", length + 1))


@pytest.mark.parametrize("side", [48, 96, 100])
def test_vit_takes_sides_it_was_not_built_for(side):
    module = _build("vision", "vit", max_length=96)
    assert _predict(module, _batch("vision", side)).isfinite().all()


@pytest.mark.parametrize("variant", TEXT)
def test_text_checkpoint_comes_back_with_a_longer_position_table(variant, tmp_path):
    length = find_variant("text", variant).minimum_length + 5
    saved = _build("text", variant)
    saved.model.save_pretrained(tmp_path)
    settings = {} if variant != "local_bert" else {"attention_window": WINDOW}
    loaded = _build("text", variant, checkpoint=str(tmp_path), max_length=900, **settings)
    assert loaded.model.training
    batch = _batch("text", length)
    torch.testing.assert_close(_predict(loaded, batch), _predict(saved, batch))
    assert _predict(loaded, _batch("text", 900, batch_size=1)).isfinite().all()


@pytest.mark.parametrize("variant", sorted(VARIANTS["speech"]))
def test_speech_checkpoint_comes_back(variant, tmp_path):
    saved = _build("speech", variant)
    saved.model.save_pretrained(tmp_path)
    loaded = _build("speech", variant, checkpoint=str(tmp_path))
    loaded.head.load_state_dict(saved.head.state_dict())
    batch = _batch("speech", 30)
    assert torch.equal(loaded.eval()(**batch), saved.eval()(**batch))


@pytest.mark.parametrize("variant", sorted(VARIANTS["vision"]))
def test_vision_checkpoint_comes_back_at_another_side(variant, tmp_path):
    saved = _build("vision", variant, max_length=224)
    saved.model.save_pretrained(tmp_path)
    loaded = _build("vision", variant, checkpoint=str(tmp_path), max_length=256)
    batch = _batch("vision", 256, batch_size=1)
    torch.testing.assert_close(_predict(loaded, batch), _predict(saved, batch))


def test_checkpoint_of_another_architecture_is_refused(tmp_path):
    _build("text", "bert").model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="`checkpoint` must hold a longformer model, got a bert"):
        _build("text", "longformer", checkpoint=str(tmp_path))
    with pytest.raises(ModelError, match="`checkpoint` must be a folder or hub name"):
        _build("text", "bert", checkpoint=str(tmp_path / "missing"))


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
