"""L-HuBERT is HuBERT with a window: same parameters, same results where the window covers all."""

import copy
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchaudio.models.wav2vec2.utils import import_huggingface_model
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCTC,
    AutoModelForPreTraining,
    HubertConfig,
    HubertForCTC,
    HubertForSequenceClassification,
    HubertModel,
)

from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import (
    HubertForPreTraining,
    LHubertConfig,
    LHubertForCTC,
    LHubertForPreTraining,
    LHubertForSequenceClassification,
    LHubertModel,
)
from tests.sample_hubert import FRAME_SAMPLES, HOP_SAMPLES, TINY, hubert, lhubert, waveform

CLASSES = {
    LHubertModel: (HubertModel, AutoModel, {}),
    LHubertForCTC: (HubertForCTC, AutoModelForCTC, {"vocab_size": 9}),
    LHubertForSequenceClassification: (
        HubertForSequenceClassification,
        AutoModelForAudioClassification,
        {"num_labels": 5, "use_weighted_layer_sum": True},
    ),
    LHubertForPreTraining: (HubertForPreTraining, AutoModelForPreTraining, {"num_clusters": 7}),
}


def first_output(model, *inputs):
    with torch.no_grad():
        output = model.eval()(*inputs)
    return output.logits if hasattr(output, "logits") else output.last_hidden_state


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


def test_torchaudio_gives_the_same_for_the_same_weights():
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
    (output[0, 45] @ torch.randn(TINY["hidden_size"])).backward()
    seen = frames.grad[0].abs().sum(-1).nonzero()[:, 0]
    assert (seen.min().item(), seen.max().item()) == (45 - reach - 8, 45 + reach + 7)


def test_padded_and_unpadded_agree_where_hubert_itself_does():
    model = lhubert(8, feat_extract_norm="layer", conv_bias=True)
    audio = waveform(60)
    real = FRAME_SAMPLES + HOP_SAMPLES * 32
    mask = (torch.arange(audio.shape[1]) < real).long()[None]
    with torch.no_grad():
        padded = model(audio * mask, attention_mask=mask).last_hidden_state[:, :33]
        alone = model(audio[:, :real]).last_hidden_state
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("local_class", CLASSES)
def test_every_class_is_saved_loaded_and_converted_both_ways(local_class, tmp_path):
    plain_class, auto_class, fields = CLASSES[local_class]
    torch.manual_seed(0)
    plain = plain_class(HubertConfig(**TINY, **fields)).eval()
    local = local_class.from_hubert(plain, [2, 8, 90])
    assert {n: v.shape for n, v in local.state_dict().items()} == {
        n: v.shape for n, v in plain.state_dict().items()
    }
    audio = waveform(40, batch=2)
    expected = first_output(local, audio)
    local.save_pretrained(tmp_path / "local")
    loaded = auto_class.from_pretrained(tmp_path / "local")
    assert type(loaded) is local_class
    assert loaded.config.attention_window == [2, 8, 90]
    assert find_windows(loaded) == [2, 8, 90]
    assert find_implementations(loaded) == {"local_blocked"}
    assert torch.equal(first_output(loaded, audio), expected)
    back = loaded.to_hubert()
    assert type(back) is plain_class
    assert torch.equal(first_output(back, audio), first_output(plain, audio))
    back.save_pretrained(tmp_path / "plain")
    config = json.loads((tmp_path / "plain/config.json").read_text())
    assert config["model_type"] == "hubert"
    assert "attention_window" not in config


@pytest.mark.parametrize("source", [HubertModel, HubertForCTC])
def test_a_folder_with_any_hubert_gives_the_backbone(source, tmp_path):
    torch.manual_seed(0)
    plain = source(HubertConfig(**TINY)).eval()
    plain.save_pretrained(tmp_path)
    local = LHubertModel.from_hubert(str(tmp_path), 8)
    backbone = getattr(plain, "hubert", plain)
    for name, value in backbone.state_dict().items():
        assert torch.equal(local.state_dict()[name], value), name


def test_weight_norm_under_its_old_names_is_loaded(tmp_path):
    plain = hubert()
    plain.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    prefix = "encoder.pos_conv_embed.conv."
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        weights[prefix + old] = weights.pop(f"{prefix}parametrizations.weight.{new}")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    audio = waveform(20)
    local = LHubertModel.from_hubert(str(tmp_path), 38)
    torch.testing.assert_close(first_output(local, audio), first_output(plain, audio))


def test_the_implementation_can_be_chosen_when_loading(tmp_path):
    lhubert(8).save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path, attn_implementation="local_masked")
    assert find_implementations(loaded) == {"local_masked"}


def test_an_interpreter_that_imports_the_package_loads_a_folder(tmp_path):
    lhubert(8).save_pretrained(tmp_path)
    program = (
        "import lightning_modules.lhubert; from transformers import AutoModel; "
        f"print(type(AutoModel.from_pretrained({str(tmp_path)!r})).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "LHubertModel", done.stderr


def test_a_configuration_survives_its_file(tmp_path):
    config = LHubertConfig(**TINY, attention_window=[2, 4, 6], num_clusters=11)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is LHubertConfig
    assert (loaded.attention_window, loaded.num_clusters) == ([2, 4, 6], 11)


@pytest.mark.parametrize("window", [0, -2, 7, [4, 4], [4, 4, 3]])
def test_an_impossible_window_is_refused_by_name(window):
    with pytest.raises(Exception, match="`attention_window` must be"):
        LHubertConfig(**TINY, attention_window=window)
    with pytest.raises(Exception, match="`attention_window` must be"):
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


def test_bad_input_is_named():
    with pytest.raises(ModelError, match="`num_clusters` .* must be at least 1, got None"):
        LHubertForPreTraining(LHubertConfig(**TINY))
