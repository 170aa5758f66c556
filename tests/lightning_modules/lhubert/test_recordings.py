"""Long recordings: in chunks, with the result that they have in one piece."""

import weakref
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import HubertModel
from transformers.models.hubert.modeling_hubert import HubertFeatureEncoder

from lightning_modules.attention.interface import localize
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    LHubertForCTC,
    LHubertModel,
    channel_statistics,
    encode_recording,
)
from lightning_modules.lhubert.chunk_sizes import CHUNK_FRAMES
from lightning_modules.lhubert.features import ChunkedFeatureEncoder
from lightning_modules.widest_float import widened
from tests.samples.variants.hubert import hubert, lhubert, waveform


def extractor(norm):
    return lhubert(feat_extract_norm=norm, conv_bias=norm == "layer").feature_extractor


def config_of(norm):
    return lhubert(feat_extract_norm=norm, conv_bias=norm == "layer").config


@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize(("frames", "chunk_frames"), [(1, 1), (50, 7), (50, 49), (64, 64), (9, 40)])
def test_chunks_of_the_front_end_give_what_one_piece_gives(norm, frames, chunk_frames):
    encoder = extractor(norm)
    audio = 3.0 + waveform(frames, batch=2)  # a mean that a careless variance would drown in
    extra = torch.nn.functional.pad(audio, (0, 200), value=5.0)  # too short for another frame
    with torch.no_grad():
        expected = encoder(extra)
        ours = encoder.in_chunks(extra, chunk_frames)
    assert ours.shape == (2, 12, frames)
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


def test_chunks_are_rounded_as_one_piece_is_in_half_precision():
    encoder = extractor("group").to(torch.bfloat16)
    audio = waveform(200).to(torch.bfloat16)
    with torch.no_grad():
        exact = extractor("group").double()(audio.double())
        whole, ours = encoder(audio), encoder.in_chunks(audio, 31)
    assert ours.dtype == torch.bfloat16
    error, expected = ((x.double() - exact).abs().max() for x in (ours, whole))
    assert error <= 1.5 * expected


def test_chunks_are_as_exact_as_one_piece_is_in_double_precision():
    encoder = extractor("group").double()
    audio = waveform(200).double()
    with torch.no_grad():
        whole, ours = encoder(audio), encoder.in_chunks(audio, 31)
    assert ours.dtype == torch.float64
    torch.testing.assert_close(ours, whole, atol=1e-12, rtol=1e-10)


def test_of_the_sums_in_double_precision_one_chunk_is_in_memory_at_a_time(monkeypatch):
    alive: list[int] = []
    widest: list[weakref.ReferenceType[torch.Tensor]] = []

    def noting(values):
        wide = widened(values)
        widest.append(weakref.ref(wide))
        return wide

    encoder = extractor("group").to(torch.bfloat16)
    convolution = encoder.conv_layers[0].conv
    convolve = convolution.forward

    def counting(chunk):
        alive.append(sum(wide() is not None for wide in widest))
        return convolve(chunk)

    monkeypatch.setattr(channel_statistics, "widened", noting)
    monkeypatch.setattr(convolution, "forward", counting)
    audio = waveform(60).to(torch.bfloat16)
    with torch.no_grad():
        channel_statistics.mean_and_variance(convolution, audio, 16 * 320)
    assert len(widest) == 4
    assert alive == [0] * 4


def test_a_long_recording_layer_by_layer_is_one_forward_with_a_group_norm():
    model = lhubert([2, 12, 8])
    audio = waveform(CHUNK_FRAMES + 300)
    with torch.no_grad():
        expected = model(audio).last_hidden_state[0]
    ours = encode_recording(model, audio[0])
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("norm", ["group", "layer"])
@settings(max_examples=20)
@given(frames=st.integers(1, 90), beyond=st.integers(0, 319))
def test_the_front_end_has_the_librarys_outputs_and_gradients_at_every_length(norm, frames, beyond):
    ours = extractor(norm).double()
    theirs = HubertFeatureEncoder(config_of(norm)).double().eval()
    theirs.load_state_dict(ours.state_dict())
    audio = torch.nn.functional.pad(waveform(frames, batch=2), (0, beyond), value=0.5).double()
    found = []
    for encoder in (ours, theirs):
        heard = audio.clone().requires_grad_()
        features = encoder(heard)
        loss = (features * torch.linspace(-1, 1, frames).double()).square().sum()
        parts = [heard, *encoder.parameters()]
        found.append([features, *torch.autograd.grad(loss, parts)])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected)


def test_recordings_of_all_lengths_share_few_lengths_of_convolutions():
    encoder = extractor("group")
    seen: dict[int, set[int]] = {number: set() for number in range(1, 7)}
    for number, layer in enumerate(encoder.conv_layers[1:], 1):
        layer.conv.register_forward_pre_hook(
            lambda _, given, number=number: seen[number].add(given[0].shape[-1])
        )
    with torch.no_grad():
        for frames in range(16, 128):
            audio = waveform(frames)
            encoder(torch.nn.functional.pad(audio, (0, 7 * frames % 320)))
    # Three octaves of eight, and the end of the last one.
    assert {number: len(lengths) for number, lengths in seen.items()} == dict.fromkeys(seen, 25)


def test_without_gradients_long_recordings_take_the_chunks_by_themselves(monkeypatch):
    model = lhubert()
    calls = []

    def spy(self, input_values, chunk_frames):
        calls.append(chunk_frames)
        return in_chunks(self, input_values, chunk_frames)

    in_chunks = ChunkedFeatureEncoder.in_chunks
    monkeypatch.setattr(ChunkedFeatureEncoder, "in_chunks", spy)
    long, short = waveform(CHUNK_FRAMES + 5), waveform(20)
    with torch.no_grad():
        model(short)
        assert not calls
        ours = model(long).last_hidden_state
    assert calls == [CHUNK_FRAMES]
    with_gradients = model(long).last_hidden_state
    assert calls == [CHUNK_FRAMES]
    torch.testing.assert_close(ours, with_gradients, atol=1e-4, rtol=1e-3)


def test_the_front_end_has_huberts_result():
    model = lhubert(2 * (CHUNK_FRAMES + 8))
    audio = waveform(CHUNK_FRAMES + 9)
    with torch.no_grad():
        ours, expected = (m(audio).last_hidden_state for m in (model, hubert()))
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"do_stable_layer_norm": True, "feat_extract_norm": "layer"},
        {"num_conv_pos_embeddings": 9},
        {"conv_pos_batch_norm": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(("frames", "chunk_frames"), [(1, 1), (70, 13), (70, 69), (33, 500)])
def test_a_recording_layer_by_layer_is_one_forward(fields, frames, chunk_frames):
    model = lhubert([2, 12, 8], **fields)
    audio = waveform(frames)
    with torch.no_grad():
        expected = model(audio).last_hidden_state[0]
    ours = encode_recording(model, audio[0], chunk_frames=chunk_frames)
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


def test_what_autocast_keeps_in_float32_is_not_rounded_between_chunks(monkeypatch):
    def in_float32(norm, hidden):
        with torch.autocast("cpu", enabled=False):
            given = (hidden.float(), norm.normalized_shape, norm.weight, norm.bias, norm.eps)
            return torch.nn.functional.layer_norm(*given)

    # As autocast has it on a GPU, whose norms on a CPU stay in half precision.
    monkeypatch.setattr(torch.nn.LayerNorm, "forward", in_float32)
    model, audio = lhubert([2, 12, 8]), waveform(70)
    seen = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(audio).last_hidden_state[0]
        ours = encode_recording(model, audio[0], lambda _, __, hidden: seen.append(hidden.dtype))
    assert expected.dtype == ours.dtype == torch.float32
    assert set(seen) == {torch.float32}
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_every_layers_states_are_handed_over_in_order():
    model = lhubert([2, 12, 8])
    audio = waveform(70)
    seen: dict[int, list[torch.Tensor]] = {}

    def sink(layer, first_frame, hidden):
        assert first_frame == sum(len(part) for part in seen.setdefault(layer, []))
        seen[layer].append(hidden.clone())

    encode_recording(model, audio[0], sink, chunk_frames=16)
    with torch.no_grad():
        expected = model(audio, output_hidden_states=True).hidden_states
    assert list(seen) == list(range(len(expected))) == [0, 1, 2, 3]
    for layer, states in seen.items():
        torch.testing.assert_close(torch.cat(states), expected[layer][0], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_recording_that_is_not_finite_is_refused(value):
    model = lhubert()
    audio = waveform(CHUNK_FRAMES + 3)
    audio[0, 12345] = value
    with pytest.raises(ModelError, match="`input_values` must be finite, got NaN or infinity"):
        encode_recording(model, audio[0])
    with torch.no_grad(), pytest.raises(ModelError, match="must be finite"):
        model(audio)


def test_what_cannot_be_encoded_is_named():
    model = lhubert()
    with pytest.raises(ModelError, match="`model` must have local attention, got a HubertModel"):
        encode_recording(hubert(), torch.zeros(800))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="must be an LHubertModel, without a head, got a HubertM"):
        encode_recording(localize(hubert(), 8), torch.zeros(800))
    config: Any = model.config
    with_head: Any = LHubertForCTC(config).eval()
    with pytest.raises(ModelError, match="without a head, got a LHubertForCTC"):
        encode_recording(with_head, torch.zeros(800))
    with pytest.raises(ModelError, match="at least 400 samples, one frame, got 399"):
        encode_recording(model, torch.zeros(399))
    with pytest.raises(ModelError, match=r"`waveform` must be \(samples,\), got shape \(1, 800\)"):
        encode_recording(model, torch.zeros(1, 800))
    with pytest.raises(ModelError, match="evaluation mode"):
        encode_recording(model.train(), torch.zeros(800))


def test_plain_hubert_can_have_the_chunked_front_end_too():
    plain = hubert()
    plain.feature_extractor.__class__ = ChunkedFeatureEncoder
    assert isinstance(plain, HubertModel)
    assert not isinstance(plain, LHubertModel)
    audio = waveform(50)
    with torch.no_grad():
        ours, expected = (m.feature_extractor(audio) for m in (plain, hubert()))
    assert torch.equal(ours, expected)
