"""L-HuBERT is HuBERT with a window: same parameters, same results where the window covers all."""

import copy

import pytest
import torch
from transformers import (
    HubertConfig,
    HubertForCTC,
)

from lightning_modules.attention.interface import find_windows
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    LHubertConfig,
    LHubertForPreTraining,
    LHubertModel,
    modeling,
)
from tests.samples.variants.hubert import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    TINY,
    assert_same_weights,
    first_output,
    hubert,
    lhubert,
    waveform,
)


@pytest.mark.parametrize("frames", [1, 2, 11, 37])
@pytest.mark.parametrize("implementation", ["local_blocked", "local_masked"])
def test_a_window_that_covers_the_input_gives_hubert(frames, implementation):
    plain = hubert()
    window = max(2, 2 * (frames - 1))
    local = LHubertModel.from_hubert(plain, window, implementation)
    audio = waveform(frames, batch=2)
    torch.testing.assert_close(first_output(local, audio), first_output(plain, audio))


def test_a_window_two_frames_narrower_does_not():
    frames = 12
    local, plain = lhubert(2 * (frames - 1) - 2), hubert()
    audio = waveform(frames)
    difference = (first_output(local, audio) - first_output(plain, audio)).abs().max()
    assert difference > 1e-4


@pytest.mark.parametrize("stable", [False, True])
def test_parameters_have_huberts_names_and_shapes(stable):
    ours, theirs = (
        {name: tuple(value.shape) for name, value in model.state_dict().items()}
        for model in (lhubert(do_stable_layer_norm=stable), hubert(do_stable_layer_norm=stable))
    )
    assert ours == theirs


@pytest.mark.torchaudio
def test_torchaudio_gives_the_same_for_the_same_weights():
    from torchaudio.models.wav2vec2.utils import import_huggingface_model

    frames = 41
    local = lhubert(2 * (frames - 1))
    oracle = import_huggingface_model(local.to_hubert()).eval()
    audio = waveform(frames, batch=2)
    with torch.no_grad():
        expected, _ = oracle(audio)
    torch.testing.assert_close(first_output(local, audio), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("padded", [False, True])
def test_the_fast_kernel_gives_the_oracles_outputs_and_gradients(padded):
    audio = waveform(45, batch=3)
    mask = torch.ones_like(audio, dtype=torch.long)
    if padded:
        mask[1, FRAME_SAMPLES + 20 * HOP_SAMPLES :] = 0
        mask[2, FRAME_SAMPLES + 2 * HOP_SAMPLES :] = 0
    results = []
    for implementation in ("local_masked", "local_blocked"):
        model = LHubertModel.from_hubert(hubert(), [2, 8, 20], implementation)
        output = model(audio, attention_mask=mask if padded else None).last_hidden_state
        real = model._get_feature_vector_attention_mask(output.shape[1], mask)
        output[real].square().sum().backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append((output[real], gradients))
    (expected, expected_gradients), (ours, our_gradients) = results
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)
    assert our_gradients.keys() == expected_gradients.keys()
    for name, gradient in our_gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[name], atol=1e-3, rtol=1e-3)


def test_a_frame_sees_what_the_windows_and_the_positions_let_it_see():
    windows, kernel = [4, 8, 2], 16
    model = lhubert(windows, num_conv_pos_embeddings=kernel)
    reach = sum(window // 2 for window in windows)
    frames = torch.randn(1, 90, TINY["hidden_size"], requires_grad=True)
    output = model.encoder(frames).last_hidden_state
    # A sum would do over a layer norm's output, whose gradient is zero: take a random direction.
    (gradient,) = torch.autograd.grad(output[0, 45] @ torch.randn(TINY["hidden_size"]), frames)
    seen = gradient[0].abs().sum(-1).nonzero()[:, 0]
    assert (seen.min().item(), seen.max().item()) == (45 - reach - 8, 45 + reach + 7)


def test_padded_and_unpadded_agree_where_hubert_itself_does():
    # In float64, so that rounding hides nothing.
    model = lhubert(8, feat_extract_norm="layer", conv_bias=True).double()
    audio = waveform(60).double()
    real = FRAME_SAMPLES + HOP_SAMPLES * 32
    mask = (torch.arange(audio.shape[1]) < real).long()[None]
    with torch.no_grad():
        padded = model(audio * mask, attention_mask=mask).last_hidden_state[:, :33]
        alone = model(audio[:, :real]).last_hidden_state
    torch.testing.assert_close(padded, alone)


@pytest.mark.parametrize("window", [0, -2, 7, [4, 4], [4, 4, 3]])
def test_an_impossible_window_is_refused_by_name(window):
    with pytest.raises(ModelError, match="`attention_window` must be"):
        LHubertConfig(**TINY, attention_window=window)
    with pytest.raises(ModelError, match="`attention_window` must be"):
        LHubertModel.from_hubert(hubert(), window)


def test_from_hubert_leaves_the_source_alone():
    plain = hubert()
    before = copy.deepcopy(plain.state_dict())
    local = LHubertModel.from_hubert(plain, 4)
    with torch.no_grad():
        for parameter in local.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(plain.state_dict()[name], value) for name, value in before.items())
    assert find_windows(plain) == [None] * 3


def test_training_mode_and_dropout_follow_the_source():
    plain = hubert(hidden_dropout=0.5).train()
    local = LHubertModel.from_hubert(plain, 4)
    assert local.training
    audio = waveform(20)
    assert not torch.equal(local(audio).last_hidden_state, local(audio).last_hidden_state)


def test_the_backbone_of_any_hubert_in_memory_is_taken():
    torch.manual_seed(0)
    plain = HubertForCTC(HubertConfig(**TINY, vocab_size=9)).eval()
    local = LHubertModel.from_hubert(plain, 4)
    assert_same_weights(local, plain.hubert)
    assert_same_weights(local, LHubertModel.from_hubert(plain.hubert, 4))
    other_head = LHubertForPreTraining.from_hubert(plain, 4, num_clusters=5)
    assert_same_weights(other_head.hubert, plain.hubert)


def test_a_seed_gives_the_first_model_of_a_process_the_weights_of_later_ones():
    modeling._let_states_be_recorded.cache_clear()  # as in a process that has built none
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        LHubertModel(LHubertConfig(**TINY))
        drawn.append(torch.rand(3).tolist())
    assert drawn[0] == drawn[1]


def test_dtype_is_kept_both_ways():
    local = LHubertModel.from_hubert(hubert().bfloat16(), 4)
    assert {p.dtype for p in local.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in local.to_hubert().parameters()} == {torch.bfloat16}


def test_a_source_without_a_mask_vector_is_taken():
    plain = hubert(mask_time_prob=0.0)
    assert "masked_spec_embed" not in plain.state_dict()
    local = LHubertModel.from_hubert(plain, 4, mask_time_prob=0.5)
    assert local.masked_spec_embed.isfinite().all()


def test_a_sample_of_padding_is_not_taken_for_real():
    model, audio = lhubert(8), waveform(20, batch=2)
    mask = torch.ones_like(audio, dtype=torch.long)
    mask[1, 399:] = 0  # too short for a frame
    frames = model._get_feature_vector_attention_mask(20, mask)
    assert frames[0].all()
    assert not frames[1].any()
    with torch.no_grad():
        assert model(audio, attention_mask=mask).last_hidden_state.isfinite().all()


def test_an_unknown_implementation_is_refused():
    with pytest.raises(ModelError, match="unknown `implementation` 'sdpa' of local attention"):
        LHubertModel.from_hubert(hubert(), 4, "sdpa")


def test_audio_shorter_than_a_frame_is_refused_before_any_work():
    with pytest.raises(ModelError, match="at least 400 samples, one frame, got 399"):
        lhubert()(torch.zeros(1, 399))


def test_a_mask_that_is_not_one_per_sample_is_refused():
    audio = waveform(20)
    for shape in ((1, 20), (1, 1, audio.shape[1])):
        with pytest.raises(ModelError, match=r"`attention_mask` must be \(batch, samples\)"):
            lhubert()(audio, attention_mask=torch.ones(shape, dtype=torch.long))
