"""L-HuBERT on a device: equal to HuBERT where its window sees everything, and in chunks."""

import pytest
import torch

from lightning_modules.lhubert import encode_recording, features
from tests.samples.devices import DEVICES
from tests.samples.variants.attention import relative_error
from tests.samples.variants.hubert import hubert, lhubert, waveform

# Rounding between two orders of the same sums, in half precision through three layers.
LIMITS = {torch.float32: 1e-4, torch.bfloat16: 0.06}
CASES = [
    (device, dtype)
    for device in ("cpu", "cuda")
    for dtype in LIMITS
    if (device, dtype) != ("cpu", torch.bfloat16)
]
PLACES = [
    pytest.param(*case, marks=[pytest.mark.gpu] if case[0] == "cuda" else [], id=str(case))
    for case in CASES
]


@pytest.mark.parametrize(("device", "dtype"), PLACES)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_window_over_everything_is_hubert_in_outputs_and_gradients(device, dtype, batch):
    frames = 75
    plain, local = (m.to(device, dtype) for m in (hubert(), lhubert(2 * (frames - 1))))
    audio = waveform(frames, batch).to(device, dtype)
    results = []
    for model in (plain, local):
        states = model(audio).last_hidden_state
        states.float().square().mean().backward()
        gradient = model.encoder.layers[0].attention.q_proj.weight.grad
        results.append([states.detach(), gradient / gradient.abs().max()])
    assert relative_error(results[1], results[0]) <= LIMITS[dtype]


@pytest.mark.parametrize(("device", "dtype"), PLACES)
def test_a_recording_in_chunks_is_one_forward(device, dtype, monkeypatch):
    model = lhubert([2, 12, 8]).to(device, dtype)
    audio = waveform(230).to(device, dtype)
    with torch.no_grad():
        expected = model(audio).last_hidden_state[0]
    # The front end would take a recording as short as this one at once.
    monkeypatch.setattr(features, "frames_at_once", lambda *asked: 70)
    found = encode_recording(model, audio[0], chunk_frames=60)
    assert (found.device.type, found.dtype) == (device, dtype)
    assert relative_error([found], [expected]) <= LIMITS[dtype]


@pytest.mark.parametrize("device", DEVICES)
def test_the_states_of_every_layer_are_handed_over_where_they_are(device):
    model, seen = lhubert().to(device), []
    audio = waveform(90).to(device)
    encode_recording(model, audio[0], lambda *chunk: seen.append(chunk), chunk_frames=40)
    assert [(layer, first) for layer, first, _ in seen] == [
        (layer, first) for layer in range(4) for first in (0, 40, 80)
    ]
    assert {states.device.type for _, _, states in seen} == {device}
