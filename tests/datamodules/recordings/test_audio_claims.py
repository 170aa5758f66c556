"""What headers of audio files claim, and what is believed of it."""

import tracemalloc

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamodules.errors import BadSampleError
from datamodules.recordings.decoding import decode
from datamodules.recordings.headers import read_length
from datamodules.recordings.recording import Recording
from tests.samples.recordings.sounds import NUM_SAMPLES, sound


def length_of(path):
    return read_length(path, path)


def decoded(path):
    length = length_of(path)
    return decode(Recording(path, length), length)


def flac_of_unknown_length(path):
    soundfile.write(path, sound(), 16_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits in STREAMINFO
    content[22:26] = bytes(4)
    path.write_bytes(content)
    return path


def mp3(path):
    soundfile.write(path, sound(), 16_000, bitrate_mode="VARIABLE", compression_level=0.5)
    return path.read_bytes()


def without_index(content):
    place = max(content.find(b"Xing"), content.find(b"Info"))
    assert place > 0
    return content[content.find(b"\xff\xf3", place + 156) :]


def test_a_flac_file_that_was_written_to_a_pipe_is_counted_by_decoding(tmp_path):
    path = flac_of_unknown_length(tmp_path / "a.flac")
    assert soundfile.info(path).frames > 1 << 60
    assert length_of(path) == NUM_SAMPLES
    torch.testing.assert_close(
        decoded(path), torch.from_numpy(sound()).float(), atol=1e-4, rtol=0.0
    )


def test_a_crop_of_a_file_of_unknown_length_is_the_part_of_the_whole(tmp_path):
    path = flac_of_unknown_length(tmp_path / "a.flac")
    crop = decode(Recording(path, NUM_SAMPLES), 5_000, 20_000)
    assert torch.equal(crop, decoded(path)[20_000:25_000])


def test_a_file_of_unknown_length_must_be_as_long_as_listed(tmp_path):
    path = flac_of_unknown_length(tmp_path / "a.flac")
    with pytest.raises(BadSampleError, match=f"must have 900 samples .* got {NUM_SAMPLES}"):
        decode(Recording(path, 900), 900)


def test_an_mp3_file_without_an_index_loses_nothing(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(without_index(mp3(path)))
    assert NUM_SAMPLES <= length_of(path) < NUM_SAMPLES + 4 * 576
    assert decoded(path)[-9_000:-3_000].std() > 0.1  # the noise at the end


def test_joined_mp3_files_have_the_audio_of_both(tmp_path):
    path = tmp_path / "a.mp3"
    one = mp3(path)
    path.write_bytes(one + one)
    assert 2 * NUM_SAMPLES <= length_of(path) < 2 * NUM_SAMPLES + 8 * 576
    assert decoded(path)[-9_000:-3_000].std() > 0.1


@pytest.mark.parametrize("times", [2, 3])
def test_an_index_between_joined_mp3_files_is_no_audio_and_neither_is_the_first_delay(
    tmp_path, times
):
    path = tmp_path / "a.mp3"
    one = mp3(path)
    alone = decoded(path)
    place = max(one.find(b"Xing"), one.find(b"Info"))
    frames = int.from_bytes(one[place + 8 : place + 12], "big")  # as the index says, without it
    tagged = b"ID3\4\0\0" + bytes(3) + b"\x0a" + b"Info Xing " + one
    path.write_bytes(one + tagged * (times - 1))
    whole = decoded(path)
    assert len(whole) == times * frames * 576 - 1_105
    torch.testing.assert_close(whole[:30_000], alone[:30_000], atol=1e-4, rtol=0.0)


def test_an_mp3_file_with_an_index_has_exactly_what_was_encoded(tmp_path):
    path = tmp_path / "a.mp3"
    mp3(path)
    assert length_of(path) == NUM_SAMPLES


def test_a_crop_of_an_mp3_file_is_the_part_of_the_whole(tmp_path):
    path = tmp_path / "a.mp3"
    mp3(path)
    crop = decode(Recording(path, NUM_SAMPLES), 3_000, 25_000)
    assert torch.equal(crop, decoded(path)[25_000:28_000])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("claimed", [1, 8_000, NUM_SAMPLES - 1, NUM_SAMPLES])
def test_a_flac_file_that_holds_more_than_its_header_says_is_damaged(tmp_path, claimed, channels):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.stack([sound()] * channels, 1), 16_000)
    content = bytearray(path.read_bytes())
    stated = int.from_bytes(content[21:26], "big") - NUM_SAMPLES + claimed
    content[21:26] = stated.to_bytes(5, "big")
    path.write_bytes(content)
    if claimed == NUM_SAMPLES:
        assert length_of(path) == NUM_SAMPLES
        return
    sentence = f"a.flac is damaged: it has {NUM_SAMPLES} samples, and its header says {claimed}$"
    with pytest.raises(BadSampleError, match=sentence):
        length_of(path)


@pytest.mark.parametrize("second", [NUM_SAMPLES, 9_000])
def test_flac_recordings_that_were_joined_are_named_where_all_is_read(tmp_path, second):
    path = tmp_path / "a.flac"
    soundfile.write(path, sound(second), 16_000)
    behind = path.read_bytes()
    soundfile.write(path, sound(), 16_000)
    path.write_bytes(path.read_bytes() + behind)
    with pytest.raises(BadSampleError, match="a.flac holds several FLAC recordings one after the"):
        decoded(path)


@given(st.integers(1, 20_000), st.sampled_from([8_000, 16_000, 44_100]), st.integers(0, 9))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_whole_flac_file_has_what_its_header_says(tmp_path, num_samples, rate_hz, seed):
    path = tmp_path / "a.flac"
    noise = np.random.default_rng(seed).normal(0, 0.2, num_samples)
    soundfile.write(path, noise, rate_hz)
    assert soundfile.info(path).frames == num_samples
    length_of(path)


@pytest.mark.parametrize("ending", ["aiff", "au", "caf", "wav"])
def test_a_file_that_was_cut_short_is_damaged_whatever_its_kind(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, sound(), 16_000)
    assert length_of(path) == NUM_SAMPLES
    path.write_bytes(path.read_bytes()[:-1_000])
    with pytest.raises(BadSampleError, match="is damaged: it has .* bytes of"):
        length_of(path)


def test_ogg_recordings_that_were_joined_are_named(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, sound(), 16_000)
    assert length_of(path) == NUM_SAMPLES
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(BadSampleError, match="a.ogg holds several Ogg recordings"):
        length_of(path)


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32"])
def test_a_file_in_which_nothing_can_seek_is_read_in_crops_too(tmp_path, subtype):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(), 16_000, subtype=subtype)
    whole = decoded(path)
    assert torch.equal(decode(Recording(path, len(whole)), 700, 9_000), whole[9_000:9_700])


def test_an_odd_rate_needs_no_more_memory_than_a_usual_one(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 300 * np.arange(44_101) / 44_101), 44_101)
    tracemalloc.start()
    samples = decoded(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(samples) == 16_000
    assert peak < 100 * 2**20
    expected = 0.5 * torch.sin(2 * torch.pi * 300 * torch.arange(16_000) / 16_000)
    torch.testing.assert_close(samples[2_000:14_000], expected[2_000:14_000], atol=5e-3, rtol=0.0)


@pytest.mark.parametrize("rate_hz", [1, 999, 2_000_000_000])
def test_a_rate_that_is_none_of_audio_is_refused(tmp_path, rate_hz):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(), 16_000)
    content = bytearray(path.read_bytes())
    content[24:28] = rate_hz.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(BadSampleError, match=f"must be sampled at .* got {rate_hz}"):
        length_of(path)


def test_many_channels_are_mixed_in_little_memory(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full((6_000, 500), 0.25), 16_000, subtype="PCM_U8")
    tracemalloc.start()
    samples = decoded(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    torch.testing.assert_close(samples, torch.full((6_000,), 0.25), atol=1e-2, rtol=0.0)
    assert peak < 6_000 * 500 * 4 / 2  # not all channels at once
