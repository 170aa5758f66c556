"""Pitch and resonances of a word are moved, each apart from the other and from the duration."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import lfilter

from datamodules.composing.corpus import compose
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.sounds import Augmentation
from datamodules.composing.voices import Voices, move_formants, move_pitch
from datamodules.errors import DataError

RATE_HZ = 16_000
TIME = torch.arange(9_000) / RATE_HZ
SMALL = ComposeSettings(words_per_utterance=(2, 3), test_takes=1, val_share=0.0)


def loudest_hz(samples, low_hz=0.0, high_hz=8_000.0):
    """Return the frequency of the highest peak in a range, by one long spectrum."""
    middle = samples[1_000:-1_000]
    size = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 2**16))
    frequencies = np.fft.rfftfreq(2**16, 1 / RATE_HZ)
    inside = (frequencies >= low_hz) & (frequencies <= high_hz)
    return frequencies[inside][size[inside].argmax()]


def vowel(pitch_hz, resonance_hz):
    """Return pulses through one resonance of 150 Hz bandwidth, (9000,) float32."""
    pulses = np.zeros(len(TIME))
    pulses[:: round(RATE_HZ / pitch_hz)] = 1.0
    radius = np.exp(-np.pi * 150 / RATE_HZ)
    denominator = [1, -2 * radius * np.cos(2 * np.pi * resonance_hz / RATE_HZ), radius**2]
    return torch.from_numpy(0.1 * lfilter([1.0], denominator, pulses)).float()


def resonance_of(samples):
    """Return the centre of the band around the highest peak, in Hz."""
    size = np.abs(np.fft.rfft(samples[1_000:-1_000] * np.hanning(len(samples) - 2_000)))
    frequencies = np.fft.rfftfreq(len(samples) - 2_000, 1 / RATE_HZ)
    smooth = np.convolve(size, np.hanning(170), mode="same")  # 390 Hz: wider than two tones
    return frequencies[smooth.argmax()]


@pytest.mark.torchaudio
@pytest.mark.parametrize("ratio", [0.8, 0.93, 1.25])
def test_a_higher_pitch_moves_a_tone_by_the_ratio_and_keeps_length_and_loudness(ratio):
    tone = 0.4 * torch.sin(2 * torch.pi * 700 * TIME)
    moved = move_pitch(tone, ratio)
    assert moved.shape == tone.shape
    assert loudest_hz(moved.numpy()) == pytest.approx(700 * ratio, rel=0.005)
    assert float(moved[2_000:7_000].std()) == pytest.approx(float(tone.std()), rel=0.1)


@pytest.mark.parametrize("ratio", [0.8, 1.2])
def test_longer_and_shorter_vocal_tracts_move_the_resonance_and_not_the_pitch(ratio):
    said = vowel(pitch_hz=125, resonance_hz=1_200)
    moved = move_formants(said, ratio)
    assert moved.shape == said.shape
    assert resonance_of(said.numpy()) == pytest.approx(1_200, rel=0.05)
    assert resonance_of(moved.numpy()) == pytest.approx(1_200 * ratio, rel=0.06)
    for harmonic in (3, 7):
        tone_hz = harmonic * 125
        near = loudest_hz(moved.numpy(), tone_hz - 60, tone_hz + 60)
        assert near == pytest.approx(tone_hz, abs=2)


@pytest.mark.parametrize("move", [move_pitch, move_formants])
def test_a_ratio_of_one_changes_nothing(move):
    said = vowel(125, 900)
    assert torch.equal(move(said, 1.0), said)


@pytest.mark.torchaudio
@pytest.mark.parametrize("move", [move_pitch, move_formants])
@pytest.mark.parametrize("num_samples", [0, 700])
def test_silence_stays_silence(move, num_samples):
    assert torch.equal(move(torch.zeros(num_samples), 1.2), torch.zeros(num_samples))


@pytest.mark.torchaudio
def test_the_shortest_word_keeps_its_length():
    word = torch.randn(37, generator=torch.Generator().manual_seed(0))
    changed, _ = Voices(pitches=(1.17,), formants=(0.85,)).change_voice(
        word.numpy(), np.random.default_rng(0)
    )
    assert changed.shape == (37,)
    assert np.isfinite(changed).all()


@pytest.fixture
def words(tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    for label in "12":
        for take in range(3):
            said = vowel(100 + 10 * take, 800)[: 2_000 + 300 * take]
            soundfile.write(folder / f"{label}_ann_{take}.wav", said.numpy(), RATE_HZ)
    return folder


@pytest.mark.torchaudio
def test_voices_are_chosen_by_the_seed_and_written_down(words, tmp_path):
    voices = Voices(pitches=(0.9, 1.1), formants=(0.85, 1.0, 1.18))
    settings = replace(SMALL, augmentation=voices, passes=4)
    first, second = (compose(str(words), str(tmp_path / name), settings) for name in "ab")
    for path in first.rglob("*.wav"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    utterances = json.loads((first / "manifest.json").read_text())["utterances"]
    chosen = [part for parts in utterances["train"].values() for part in parts]
    assert {part["pitch"] for part in chosen} == {0.9, 1.1}
    assert {part["formant"] for part in chosen} == {0.85, 1.0, 1.18}
    for parts in utterances["test"].values():
        assert all("pitch" not in part for part in parts)


@pytest.mark.torchaudio
def test_voices_that_change_nothing_compose_what_plain_augmentation_does(words, tmp_path):
    plain = Augmentation((0.9, 1.1), snr_db=(10, 20))
    same = Voices((0.9, 1.1), snr_db=(10, 20))
    first, second = (
        compose(str(words), str(tmp_path / name), replace(SMALL, augmentation=each))
        for name, each in {"plain": plain, "same": same}.items()
    )
    for path in first.rglob("*.wav"):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


@pytest.mark.parametrize("wrong", [{"pitches": ()}, {"formants": (1.0, 2.5)}, {"speeds": (0.2,)}])
def test_wrong_voices_are_named(wrong):
    with pytest.raises(DataError, match=f"`{next(iter(wrong))}` must be numbers from 0.5 to 2"):
        Voices(**wrong)
