"""Audio is decoded to one channel of 16 kHz, whole or in part."""

import math

import numpy as np
import pytest
import soundfile
import torch

from datamodules.recordings.decoding import decode
from datamodules.recordings.headers import resampled_length
from datamodules.recordings.recording import Recording
from tests.samples.recordings.sounds import write_audio


@pytest.mark.torchaudio
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("num_samples", [5_000, 12_347])
def test_resampling_gives_the_samples_that_the_header_promises(tmp_path, rate_hz, num_samples):
    path = write_audio(tmp_path / "a.wav", num_samples, rate_hz, hertz=300.0)
    expected = resampled_length(num_samples, rate_hz)
    samples = decode(Recording(path, expected), expected)
    assert len(samples) == expected
    time = torch.arange(expected) / 16_000
    tone = 0.5 * torch.sin(2 * math.pi * 300.0 * time)
    middle = slice(expected // 4, expected // 2)  # away from the ends, which the filter rounds off
    assert torch.allclose(samples[middle], tone[middle], atol=5e-3)


@pytest.mark.torchaudio
def test_decoding_a_part_equals_the_part_of_decoding_all(tmp_path):
    path = write_audio(tmp_path / "a.wav", 40_000, rate_hz=22_050)
    recording = Recording(path, resampled_length(40_000, 22_050))
    whole = decode(recording, recording.num_samples)
    assert torch.allclose(decode(recording, 7_000), whole[:7_000], atol=1e-6)


def test_channels_are_mixed(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([np.full(800, 0.5), np.full(800, -0.25)], axis=1), 16_000)
    assert torch.allclose(decode(Recording(path, 800), 800), torch.tensor(0.125), atol=1e-4)
