"""Features of frames: those of the recipe, in parts the same as in one piece."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from lightning_modules.errors import ModelError
from lightning_modules.units.frame_features import LayerStates, Mfcc
from tests.samples.variants.hubert import hubert, lhubert, waveform

HOP_MFCC, HOP = 160, 320


def sound(num_samples):
    return 0.3 * torch.randn(num_samples, generator=torch.Generator().manual_seed(num_samples))


def samples_for(frames, hop, more=0):
    return 400 + hop * (frames - 1) + more


@pytest.mark.torchaudio
@pytest.mark.parametrize("frames", [1, 2, 9, 10, 11, 20, 21, 34])
@pytest.mark.parametrize("more", [0, 159])
def test_mfcc_in_parts_equal_those_of_one_piece(frames, more):
    from torchaudio.compliance import kaldi
    from torchaudio.functional import compute_deltas

    samples = sound(samples_for(frames, HOP_MFCC, more))
    cepstra = kaldi.mfcc(samples[None], sample_frequency=16_000, use_energy=False).T
    deltas = compute_deltas(cepstra)
    expected = torch.cat([cepstra, deltas, compute_deltas(deltas)]).T
    features = Mfcc(chunk_frames=10)(samples)
    assert features.shape == (frames, 39)
    assert torch.allclose(features, expected, atol=1e-4)
    assert torch.equal(Mfcc()(samples), Mfcc()(samples))


@pytest.mark.torchaudio
def test_every_second_mfcc_is_of_a_frame_of_the_model():
    for num_samples in range(400, 1_400, 37):
        assert len(Mfcc()(sound(num_samples))[::2]) == (num_samples - 400) // HOP + 1


@pytest.fixture(scope="module", params=[False, True], ids=["base", "stable"])
def saved(request, tmp_path_factory):
    fields = {"do_stable_layer_norm": request.param}
    if request.param:
        fields |= {"feat_extract_norm": "layer"}
    models = {"hubert": hubert(**fields), "lhubert": lhubert(8, **fields)}
    folder = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        model.save_pretrained(folder / name)
    return folder, models


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_a_layer_is_the_one_of_transformers(saved, variant, layer):
    folder, models = saved
    samples = waveform(30)
    with torch.no_grad():
        output = models[variant](samples, output_hidden_states=True)
    states = LayerStates(str(folder / variant), layer, variant)
    assert (states.rate_hz, states.size) == (50, 24)
    assert states.description == f"layer {layer} of {folder / variant}"
    assert len(states.model.encoder.layers) == layer
    assert torch.allclose(states(samples[0]), output.hidden_states[layer], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 9, 10, 11, 20, 21, 33])
def test_hubert_in_parts_has_every_frame_once(saved, frames):
    folder, models = saved
    samples = sound(samples_for(frames, HOP, more=150))
    states = LayerStates(str(folder / "hubert"), 3, chunk_seconds=0.2)
    features = states(samples)
    assert features.shape == (frames, 24)
    num_parts = -(-frames // 10)
    first = 0
    for part in range(num_parts):
        end = (part + 1) * frames // num_parts
        assert end - first <= 10
        stop = len(samples) if end == frames else (end - 1) * HOP + 400  # none is left out
        own = samples[None, first * HOP : stop]
        with torch.no_grad():
            expected = models["hubert"](own, output_hidden_states=True).hidden_states[3][0]
        assert torch.allclose(features[first:end], expected, atol=1e-5)
        first = end
    assert first == frames


def test_a_fingerprint_tells_weights_layers_and_windows_apart(saved):
    folder, _ = saved
    path = str(folder / "lhubert")
    made = [
        LayerStates(path, 1, "lhubert"),
        LayerStates(path, 2, "lhubert"),
        LayerStates(path, 2, "lhubert", attention_window=6),
        LayerStates(str(folder / "hubert"), 2),
        LayerStates(str(folder / "hubert"), 2, chunk_seconds=3.0),
    ]
    assert len({states.fingerprint for states in made}) == 5
    assert LayerStates(path, 2, "lhubert").fingerprint == made[1].fingerprint


def test_a_fingerprint_depends_on_no_mask_vector_that_the_checkpoint_lacks(saved, tmp_path):
    shutil.copytree(saved[0] / "hubert", tmp_path / "hubert")
    weights = load_file(tmp_path / "hubert/model.safetensors")
    del weights["masked_spec_embed"]
    save_file(weights, tmp_path / "hubert/model.safetensors", {"format": "pt"})
    found = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        found.add(LayerStates(str(tmp_path / "hubert"), 1).fingerprint)
    assert len(found) == 1


@pytest.mark.parametrize("layer", [0, 4])
def test_a_layer_that_is_not_there_is_named(saved, layer):
    with pytest.raises(ModelError, match=f"`layer` must be from 1 to 3, got {layer}"):
        LayerStates(str(saved[0] / "hubert"), layer)


def test_a_recording_without_a_frame_is_refused(saved):
    for features in (Mfcc(), LayerStates(str(saved[0] / "hubert"), 1)):
        with pytest.raises(ModelError, match="at least 400 samples"):
            features(torch.zeros(399))
