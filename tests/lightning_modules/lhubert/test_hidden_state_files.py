"""Hidden states of a recording go to files that are whole or not there."""

import numpy as np
import pytest
import torch

from lightning_modules.errors import ModelError
from lightning_modules.lhubert import HiddenStateFiles, encode_recording
from tests.samples.variants.hubert import lhubert, waveform


def test_states_can_be_streamed_to_files(tmp_path):
    model = lhubert()
    audio = waveform(70)
    with HiddenStateFiles(tmp_path / "made", [0, 2], 70, 24) as sink:
        encode_recording(model, audio[0], sink, chunk_frames=16)
        assert not list((tmp_path / "made").glob("layer-*"))  # not before they are whole
    with torch.no_grad():
        expected = model(audio, output_hidden_states=True).hidden_states
    for layer in (0, 2):
        states = np.load(tmp_path / f"made/layer-{layer}.npy", allow_pickle=False)
        np.testing.assert_allclose(states, expected[layer][0].numpy(), atol=2e-5, rtol=1e-4)
    assert len(list((tmp_path / "made").iterdir())) == 2


@pytest.mark.parametrize(
    ("layers", "num_frames", "got"), [([2], 71, "70 of layer 2"), ([1, 9], 70, "0 of layer 9")]
)
def test_a_file_that_would_be_partly_empty_is_refused(tmp_path, layers, num_frames, got):
    model, audio = lhubert(), waveform(70)
    message = rf"all {num_frames} frames, got {got}"
    files = HiddenStateFiles(tmp_path, layers, num_frames, 24)
    with pytest.raises(ModelError, match=message), files as sink:
        encode_recording(model, audio[0], sink)
    assert not list(tmp_path.iterdir())


def test_files_of_a_failed_pass_are_not_left_behind(tmp_path):
    with pytest.raises(RuntimeError, match="stop"), HiddenStateFiles(tmp_path, [1], 70, 24):
        raise RuntimeError("stop")
    assert not list(tmp_path.iterdir())


def test_a_second_pass_begins_anew(tmp_path):
    model = lhubert()
    files = HiddenStateFiles(tmp_path, [1], 70, 24)
    for seed in (0, 1):
        audio = waveform(70, seed=seed)
        with files:
            encode_recording(model, audio[0], files)
        with torch.no_grad():
            expected = model(audio, output_hidden_states=True).hidden_states[1][0]
        states = np.load(tmp_path / "layer-1.npy", allow_pickle=False)
        np.testing.assert_allclose(states, expected.numpy(), atol=2e-5, rtol=1e-4)
