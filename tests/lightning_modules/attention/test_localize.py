"""`localize`: a window for any encoder that asks transformers' interface for its kernel."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    AttentionInterface,
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    HubertConfig,
    HubertModel,
    LongformerConfig,
    LongformerModel,
    T5Config,
    T5EncoderModel,
    ViTConfig,
    ViTModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

from lightning_modules.attention import local_attention
from lightning_modules.attention.interface import find_implementations, find_windows, localize
from lightning_modules.errors import ModelError

HERE = ["local_blocked", "local_masked"]
SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
}
SPEECH = SIZES | {
    "conv_dim": (12,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 3,
    "layerdrop": 0.0,
}


def _bert():
    return BertModel(BertConfig(vocab_size=30, **SIZES)).eval()


def _hubert():
    return HubertModel(HubertConfig(**SPEECH)).eval()


def _wav2vec2():
    return Wav2Vec2Model(Wav2Vec2Config(**SPEECH)).eval()


def _wavlm():
    return WavLMModel(WavLMConfig(**SPEECH)).eval()


def _vit():
    return ViTModel(ViTConfig(image_size=64, patch_size=8, **SIZES)).eval()


def _t5():
    sizes: dict[str, Any] = {"d_model": 24, "d_kv": 8, "d_ff": 20, "num_heads": 3, "num_layers": 1}
    return T5EncoderModel(T5Config(vocab_size=30, **sizes)).eval()


def _input_of(model):
    generator = torch.Generator().manual_seed(1)
    if model.main_input_name == "input_ids":
        return torch.randint(5, 30, (2, 65), generator=generator)
    shape = (2, 3, 64, 64) if model.main_input_name == "pixel_values" else (2, 400 + 320 * 64)
    return torch.randn(shape, generator=generator)


ENCODERS = [_bert, _hubert, _wav2vec2, _vit]


def _reach_of_encoder(model, tokens=65, position=30):
    """Return which tokens entering the first layer decide one token leaving the last."""
    encoder = model.encoder if hasattr(model, "encoder") else model
    hidden = torch.randn(1, tokens, 24, requires_grad=True)
    output = hidden
    for layer in encoder.layers if hasattr(encoder, "layers") else encoder.layer:
        output = layer(output)
        output = output[0] if isinstance(output, tuple) else output
    (gradient,) = torch.autograd.grad(output[0, position] @ torch.randn(24), hidden)
    seen = gradient[0].abs().sum(-1).nonzero()[:, 0]
    return seen.min().item() - position, seen.max().item() - position


@pytest.mark.parametrize("build", ENCODERS)
def test_a_window_that_covers_the_input_changes_nothing(build):
    torch.manual_seed(0)
    model = build()
    with torch.no_grad():
        expected = model(_input_of(model)).last_hidden_state
        localize(model, 2 * (expected.shape[1] - 1))
        found = model(_input_of(model)).last_hidden_state
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("build", ENCODERS)
@pytest.mark.parametrize("implementation", HERE)
def test_layers_of_any_encoder_see_as_far_as_their_windows(build, implementation):
    torch.manual_seed(0)
    model = localize(build(), [4, 10], implementation)
    assert _reach_of_encoder(model) == (-7, 7)


@pytest.mark.parametrize("build", [_bert, _hubert, _wav2vec2])
def test_padding_reaches_the_kernel_of_any_encoder(build):
    torch.manual_seed(0)
    model = localize(build(), 8)
    inputs = _input_of(model)
    mask = torch.ones(inputs.shape, dtype=torch.long)
    real = 33 if inputs.dtype == torch.long else 400 + 320 * 32
    mask[1, real:] = 0
    with torch.no_grad():
        masked = model(inputs, attention_mask=mask).last_hidden_state
        localize(model, 8, "local_masked")
        expected = model(inputs, attention_mask=mask).last_hidden_state
        unmasked = model(inputs).last_hidden_state
    torch.testing.assert_close(masked[1, :33], expected[1, :33], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(masked[0], expected[0], atol=1e-5, rtol=1e-4)
    assert (unmasked[1, 30:33] - expected[1, 30:33]).abs().max() > 1e-4


@pytest.mark.parametrize("build", ENCODERS)
def test_a_localized_encoder_still_trains(build):
    torch.manual_seed(0)
    model = localize(build(), 6).train()
    model(_input_of(model)).last_hidden_state.square().sum().backward()
    modules = [m for m in model.modules() if getattr(m, "attention_window", None) == 6]
    assert len(modules) == 2
    for module in modules:
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        assert gradients
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_localize_keeps_one_window_per_layer():
    model = _bert()
    assert localize(model, [4, 8], "local_masked") is model
    assert find_windows(model) == [4, 8]
    assert find_implementations(model) == {"local_masked"}
    localize(model, 6)
    assert find_windows(model) == [6, 6]
    assert find_implementations(model) == {"local_blocked"}


def test_localized_layers_see_no_further_than_their_windows_added_up():
    torch.manual_seed(0)
    model = localize(_bert(), [4, 8]).double()  # what comes from afar is small: digits for it
    ids = torch.randint(5, 30, (1, 90))
    other = ids.clone()
    other[0, 40] = 3
    with torch.no_grad():
        changed = (model(ids)[0] != model(other)[0]).any(-1)[0].nonzero().flatten()
    assert changed.tolist() == list(range(40 - 6, 40 + 7))


@pytest.mark.parametrize("implementation", HERE)
def test_scaling_of_the_model_is_kept(implementation):
    query, key, value = torch.randn(3, 1, 2, 50, 16)
    module = SimpleNamespace(attention_window=6)
    kernel = AttentionInterface()[implementation]
    output, _ = kernel(module, query, key, value, None, scaling=0.5)
    expected = local_attention(query * 0.5 * 4, key, value, 6, implementation=implementation)
    torch.testing.assert_close(output, expected.transpose(1, 2))


def _longformer():
    return LongformerModel(LongformerConfig(attention_window=4, **SIZES))


def _gpt2():
    return GPT2Model(GPT2Config(vocab_size=30, n_embd=24, n_head=3, n_layer=1))


@pytest.mark.parametrize(
    ("build", "window", "implementation", "message"),
    [
        (_longformer, 4, "local_blocked", "attention interface, got LongformerModel"),
        (_gpt2, 4, "local_blocked", "needs an encoder .* got GPT2Model"),
        (_wavlm, 4, "local_blocked", "attention interface, got WavLMModel"),
        (_t5, 4, "local_blocked", "needs an encoder .* got T5EncoderModel"),
        (_bert, 5, "local_blocked", "positive even number of tokens, got 5"),
        (_bert, [4, 4, 4], "local_blocked", "one number or 2 of them, one per layer, got 3"),
        (
            _bert,
            4,
            "sdpa",
            "choose one of: local_blocked, local_compiled, local_flex, local_masked",
        ),
    ],
)
def test_localize_refuses_what_it_cannot_do(build, window, implementation, message):
    with pytest.raises(ModelError, match=message):
        localize(build(), window, implementation)


def test_local_kernel_without_a_window_is_refused():
    model = _bert()
    model.set_attn_implementation("local_blocked")
    with pytest.raises(ModelError, match="needs `localize"):
        model(torch.ones(1, 4, dtype=torch.long))
