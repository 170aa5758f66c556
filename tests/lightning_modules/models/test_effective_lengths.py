"""How many tokens the first layer of a variant computes on."""

import pytest

from lightning_modules.variants import find_variant
from tests.samples.variants.models import VARIANT_CASES, batch_of, build, predict

FIRST_ATTENTION = {
    "BertSelfAttention",
    "ModernBertAttention",
    "LongformerSelfAttention",
    "_InverseInFloat32",
    "_BlockSparseInOneDtype",
    "_MixInFloat32",
    "HubertAttention",
    "ParakeetEncoderAttention",
    "WhisperAttention",
    "ViTAttention",
    "ViTSelfAttention",
    "SwinAttention",
    "SwinSelfAttention",
    "Swinv2SelfAttention",
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
        ("text", "modernbert", 33, 33, 33),
        ("text", "longformer", 33, 33, 48),
        ("text", "nystromformer", 65, 65, 128),
        ("text", "nystromformer", 30, 30, 128),
        ("text", "bigbird", 705, 705, 768),
        ("text", "bigbird", 30, 30, 768),
        ("text", "fnet", 1021, 1021, 1021),
        ("speech", "hubert", 49, 49, 49),
        ("speech", "parakeet", 48, 12, 12),
        ("speech", "parakeet", 49, 13, 13),
        ("speech", "whisper", 49, 49, 1500),
        ("vision", "vit", 224, 197, 197),
        ("vision", "vit", 225, 257, 257),
        ("vision", "swin", 224, 3136, 3136),
        ("vision", "swin", 32, 64, 3136),
        ("vision", "swin", 256, 4096, 4900),
        ("vision", "swinv2", 224, 3136, 4096),
        ("vision", "swinv2", 256, 4096, 4096),
        ("vision", "swinv2", 288, 5184, 5184),
    ],
)
def test_lengths_follow_the_padding_of_the_model(modality, variant, length, tokens, effective):
    module = build(modality, variant)
    assert module.sequence_length(length) == tokens
    assert module.effective_length(length) == effective


@pytest.mark.parametrize(
    ("modality", "variant"), [case for case in VARIANT_CASES if case[0] != "vision"]
)
def test_the_registry_says_what_a_variant_pads_its_tokens_to(modality, variant):
    module, known = build(modality, variant), find_variant(modality, variant)
    step = module.attention_window if known.pads_to == "attention_window" else known.pads_to
    for length in range(known.minimum_length, known.minimum_length + 150, 7):
        padded = -(-length // (step or 1)) * (step or 1)
        assert module.effective_length(length) == module.effective_length(padded)
        if known.refusal(padded + 1) is None:
            assert module.effective_length(padded + 1) > module.effective_length(padded)
        assert known.axis or module.effective_length(padded) == padded
