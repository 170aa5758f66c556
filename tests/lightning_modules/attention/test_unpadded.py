"""`unpadded` computes what `sdpa` computes, on the real tokens alone."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM, HubertConfig, HubertModel, ViTConfig, ViTModel

from lightning_modules.attention.packing import Packing
from lightning_modules.attention.unpadded import unpad
from lightning_modules.errors import ModelError

WIDTH, HEADS, LAYERS, VOCABULARY = 24, 3, 2, 31
NO_DROPOUT: dict[str, Any] = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def _bert(implementation: str) -> BertForMaskedLM:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_attention_heads=HEADS,
        num_hidden_layers=LAYERS,
        intermediate_size=40,
        max_position_embeddings=16,
        **NO_DROPOUT,
    )
    model = BertForMaskedLM(config).double()
    if implementation == "unpadded":
        return unpad(model)
    model.set_attn_implementation(implementation)
    return model


def _outputs_and_gradients(implementation, ids, mask, is_real):
    model = _bert(implementation)
    logits = model(input_ids=ids, attention_mask=mask).logits
    real = logits[is_real]
    weights = torch.linspace(-1, 1, real.numel(), dtype=real.dtype).view_as(real)
    (real * weights).sum().backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return real.detach(), gradients


def _assert_same(ids, mask, is_real):
    expected, wanted = _outputs_and_gradients("sdpa", ids, mask, is_real)
    got, found = _outputs_and_gradients("unpadded", ids, mask, is_real)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-11, msg=name)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 11), min_size=1, max_size=4), st.booleans())
def test_real_tokens_and_gradients_are_those_of_padded_sdpa(lengths, pads_left):
    longest = max(lengths)
    ids = torch.randint(1, VOCABULARY, (len(lengths), longest))
    is_real = torch.arange(longest) < torch.tensor(lengths)[:, None]
    if pads_left:
        is_real = is_real.flip(1)
    _assert_same(ids, is_real.long(), is_real)


def test_without_a_mask_it_is_sdpa():
    ids = torch.randint(1, VOCABULARY, (3, 7))
    _assert_same(ids, None, torch.ones(3, 7, dtype=torch.bool))


def test_a_sample_that_is_nothing_but_padding_leaves_the_others_alone():
    ids = torch.randint(1, VOCABULARY, (2, 5))
    mask = torch.tensor([[0, 0, 0, 0, 0], [1, 1, 1, 0, 0]])
    logits = _bert("unpadded")(input_ids=ids, attention_mask=mask).logits
    alone = _bert("sdpa")(input_ids=ids[1:, :3]).logits
    assert logits.isfinite().all()
    torch.testing.assert_close(logits[1:, :3], alone, rtol=1e-9, atol=1e-11)


def test_a_batch_of_nothing_but_padding_leaves_no_gradient_out():
    model = _bert("unpadded")
    ids = torch.randint(1, VOCABULARY, (2, 5))
    model(input_ids=ids, attention_mask=torch.zeros_like(ids)).logits.sum().backward()
    gradients = [p.grad for p in model.bert.encoder.parameters()]
    assert gradients
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def test_no_layer_computes_on_padding():
    model = _bert("unpadded")
    seen = []
    for part in model.bert.encoder.modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[:-1]))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]])
    model(input_ids=torch.ones(2, 6, dtype=torch.long), attention_mask=mask)
    assert set(seen) == {(1, 8)}
    assert len(seen) == 6 * LAYERS


def test_packing_and_unpacking_keeps_real_tokens_and_clears_padding():
    mask = torch.tensor([[True, False, True], [False, True, True]])
    tokens = torch.arange(2 * 3 * 4).view(2, 3, 4)
    packing = Packing.of(mask)
    assert packing.lengths.tolist() == [2, 2]
    assert torch.equal(packing.pack(tokens), tokens[mask])
    assert torch.equal(packing.unpack(packing.pack(tokens)), tokens * mask[..., None])


def test_a_model_without_berts_encoder_is_refused():
    config = ViTConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1, image_size=32)
    with pytest.raises(
        ModelError, match="`unpadded` needs a BERT or a HuBERT that is an encoder, got ViTMo"
    ):
        unpad(ViTModel(config))


def test_padding_without_unpad_is_refused():
    model = _bert("eager")
    model.set_attn_implementation("unpadded")
    mask = torch.tensor([[1, 1, 0]])
    with pytest.raises(ModelError, match="`unpadded` needs `unpad"):
        model(input_ids=torch.ones(1, 3, dtype=torch.long), attention_mask=mask)


SAMPLES = 5_000  # of the longest recording
HUBERT: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "intermediate_size": 40,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
    "feat_extract_norm": "layer",
}
NO_DROPOUT_OF_HUBERT: dict[str, Any] = dict.fromkeys(
    ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout"), 0.0
)


def _hubert_outputs_and_gradients(implementation, waveforms, mask, stable):
    torch.manual_seed(0)
    config = HubertConfig(**HUBERT, **NO_DROPOUT_OF_HUBERT, do_stable_layer_norm=stable)
    model = HubertModel(config).double()
    if implementation == "unpadded":
        unpad(model)
    else:
        model.set_attn_implementation(implementation)
    hidden = model(waveforms, attention_mask=mask).last_hidden_state
    lengths = model._get_feat_extract_output_lengths(mask.sum(1))
    real = hidden[torch.arange(hidden.shape[1]) < lengths[:, None]]
    weights = torch.linspace(-1, 1, real.numel(), dtype=real.dtype).view_as(real)
    (real * weights).sum().backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return hidden.detach(), real.detach(), gradients


@pytest.mark.parametrize("stable", [False, True])
def test_real_frames_and_gradients_of_hubert_are_those_of_padded_sdpa(stable):
    lengths = torch.tensor([SAMPLES, 1_700, 3_333])
    mask = (torch.arange(SAMPLES) < lengths[:, None]).long()
    waveforms = torch.randn(3, SAMPLES, dtype=torch.double) * mask
    _, expected, wanted = _hubert_outputs_and_gradients("sdpa", waveforms, mask, stable)
    hidden, got, found = _hubert_outputs_and_gradients("unpadded", waveforms, mask, stable)
    assert got.shape[0] == 15 + 5 + 10
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)
    assert bool((hidden[1, 5:] == 0).all())
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("is_shared", [False, True])
def test_layerdrop_leaves_no_layer_out_that_is_shared_among_processes(is_shared):
    torch.manual_seed(0)
    fields = HUBERT | NO_DROPOUT_OF_HUBERT | {"layerdrop": 1.0}
    model = unpad(HubertModel(HubertConfig(**fields))).train()
    model.encoder._is_fsdp_managed_module = is_shared  # as FSDP notes it
    called = []
    for layer in model.encoder.layers:
        layer.register_forward_hook(lambda layer, *_: called.append(layer))
    mask = torch.ones(2, SAMPLES, dtype=torch.long)
    mask[1, 3_000:] = 0
    model(torch.randn(2, SAMPLES), attention_mask=mask)
    assert called == (list(model.encoder.layers) if is_shared else [])
