"""How an utterance sounds: gaps between its words, and what is changed of them in training."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from datamodules.composing.corpus import compose
from datamodules.composing.sounds import Augmentation
from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording
from tests.samples.recordings.composing import SMALL, manifest_of, write_words


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path / "words")


@pytest.mark.torchaudio
def test_a_sound_is_its_recordings_with_gaps_between_them(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), SMALL)
    for name, parts in manifest_of(corpus)["train"].items():
        sound, rate_hz = soundfile.read(corpus / "train" / name)
        assert rate_hz == 16_000
        assert soundfile.info(corpus / "train" / name).subtype == "PCM_16"
        end = 0
        for position, part in enumerate(parts):
            gap = sound[end : part["start"]]
            assert (160 <= len(gap) <= 320) if position else len(gap) == 0
            assert not position or 0.0003 < np.sqrt(np.mean(gap**2)) < 0.003
            end = part["start"] + part["samples"]
            original = decode(Recording(words / part["name"], part["samples"]), part["samples"])
            assert np.allclose(sound[part["start"] : end], original, atol=1e-4)
        assert end == len(sound)


@pytest.mark.torchaudio
def test_speed_changes_length_and_pitch_and_only_training_is_changed(words, tmp_path):
    changed = replace(
        SMALL, augmentation=Augmentation((0.8, 1.25), gain_db=(-6, -6), snr_db=(20, 30)), passes=2
    )
    plain = compose(str(words), str(tmp_path / "plain"), SMALL)
    corpus = compose(str(words), str(tmp_path / "corpus"), changed)
    for split in ("val", "test"):
        for path in (plain / split).iterdir():
            assert path.read_bytes() == (corpus / split / path.name).read_bytes()
    speeds = set()
    for parts in manifest_of(corpus)["train"].values():
        for part in parts:
            original = 2 * soundfile.info(words / part["name"]).frames
            assert abs(part["samples"] - original / part["speed"]) <= 1
            speeds.add(part["speed"])
    assert speeds == {0.8, 1.25}


@pytest.mark.torchaudio
def test_gain_and_noise_are_as_strong_as_asked(words, tmp_path):
    quiet = replace(SMALL, gap_noise=0.0, augmentation=Augmentation(gain_db=(-6.0206, -6.0206)))
    noisy = replace(SMALL, gap_noise=0.0, augmentation=Augmentation(snr_db=(10, 10)))
    plain = compose(str(words), str(tmp_path / "plain"), replace(SMALL, gap_noise=0.0))
    softer = compose(str(words), str(tmp_path / "softer"), quiet)
    corpus = compose(str(words), str(tmp_path / "noisy"), noisy)
    for path in (plain / "train").glob("*.wav"):
        clean, half, mixed = (
            soundfile.read(folder / "train" / path.name)[0] for folder in (plain, softer, corpus)
        )
        assert np.allclose(half, clean / 2, atol=1e-4)
        ratio = 10 * np.log10(np.mean(clean**2) / np.mean((mixed - clean) ** 2))
        assert ratio == pytest.approx(10, abs=0.5)


@pytest.mark.torchaudio
def test_too_loud_an_utterance_is_made_softer_not_clipped(words, tmp_path):
    louder = replace(SMALL, augmentation=Augmentation(gain_db=(20, 20)))
    corpus = compose(str(words), str(tmp_path / "corpus"), louder)
    sound, _ = soundfile.read(next((corpus / "train").glob("*.wav")))
    assert 0.99 < np.abs(sound).max() <= 1
    assert (np.abs(sound) > 0.999).mean() < 0.1
