"""What headers state of the bytes of audio, and what else is in the file."""

from typing import Literal

import numpy as np
import pytest
import soundfile
import torch

from datamodules.errors import BadSampleError
from datamodules.modalities.speech import SpeechData
from datamodules.recordings.decoding import decode
from datamodules.recordings.headers import read_length
from datamodules.recordings.recording import Recording
from tests.samples.recordings.sounds import NUM_SAMPLES, sound


def length_of(path):
    return read_length(path, path)


@pytest.mark.parametrize("length", [0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFF000])
def test_a_wav_file_that_was_written_to_a_pipe_has_the_audio_that_is_there(tmp_path, length):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(), 16_000)
    content = path.read_bytes()
    place = content.index(b"data") + 4
    path.write_bytes(content[:place] + length.to_bytes(4, "little") + content[place + 4 :])
    assert length_of(path) == NUM_SAMPLES


# Where a header states the bytes of audio: the name before it, what lies between, and how long.
LENGTHS = {"aiff": (b"SSND", 0, 4), "au": (b".snd", 4, 4), "caf": (b"data", 0, 8)}
LENGTHS["wav"] = (b"data", 0, 4)


def with_length(path, share, samples=None, subtype="PCM_16"):
    """Write a file whose header states a share of the bytes of its audio."""
    soundfile.write(path, sound() if samples is None else samples, 16_000, subtype=subtype)
    content = path.read_bytes()
    name, between, num_bytes = LENGTHS[path.suffix[1:]]
    place = content.index(name) + len(name) + between
    order: Literal["little", "big"] = "little" if path.suffix == ".wav" else "big"
    stated = int(share * int.from_bytes(content[place : place + num_bytes], order))
    written = stated.to_bytes(num_bytes, order)
    path.write_bytes(content[:place] + written + content[place + num_bytes :])
    return path


@pytest.mark.parametrize("ending", LENGTHS)
def test_a_file_whose_header_says_no_audio_has_the_audio_that_is_there(tmp_path, ending):
    path = with_length(tmp_path / f"a.{ending}", 0)
    assert length_of(path) == NUM_SAMPLES
    torch.testing.assert_close(
        decode(Recording(path, NUM_SAMPLES), NUM_SAMPLES),
        torch.from_numpy(sound()).float(),
        atol=1e-4,
        rtol=0.0,
    )


@pytest.mark.parametrize("ending", LENGTHS)
def test_a_file_that_holds_more_than_its_header_says_is_damaged(tmp_path, ending):
    path = with_length(tmp_path / f"a.{ending}", 0.1)
    sentence = r"is damaged: its header says \d+ bytes of audio, and \d+ more follow$"
    with pytest.raises(BadSampleError, match=sentence):
        length_of(path)


# Bytes EC FF are letters in Latin-1, and those of -9 in 8 bits, 77, are in ASCII.
@pytest.mark.parametrize(
    ("ending", "subtype", "level"),
    [*((each, "PCM_16", -20 / 2**15) for each in LENGTHS), ("wav", "PCM_U8", -9 / 2**7)],
)
def test_quiet_audio_is_no_chunk_that_was_cut_short(tmp_path, ending, subtype, level):
    path = with_length(tmp_path / f"a.{ending}", 0.1, np.full(NUM_SAMPLES, level), subtype)
    with pytest.raises(BadSampleError, match=r"bytes of audio, and \d+ more follow$"):
        length_of(path)


def chunk(stated, content):
    return b"LIST" + stated.to_bytes(4, "little") + content


@pytest.mark.parametrize(
    "tail",
    [
        b"TAG" + b"\7" * 125,
        b"ID3\4" + b"\7" * 5_000,
        bytes(5_000),
        chunk(5_000, b"\7" * 5_000) + chunk(2, b"\7\7") + b"TAG" + b"\7" * 125,
        chunk(9_000, b"\7" * 5_000),
    ],
    ids=["tag of 128 bytes", "long tag", "zeros", "chunks and a tag", "half a chunk"],
)
@pytest.mark.parametrize("num_bytes", [8_000, 8_001])
def test_what_programs_append_to_a_wav_file_is_no_audio(tmp_path, tail, num_bytes):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(num_bytes), 16_000, subtype="PCM_U8")
    content = path.read_bytes()
    ends = content.index(b"data") + 8 + num_bytes
    path.write_bytes(content[:ends] + tail)  # of an odd length as some programs leave it
    assert length_of(path) == num_bytes


def test_a_file_without_audio_is_refused_for_that_also_where_other_chunks_follow(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(0), 16_000)
    assert length_of(path) == 0
    path.write_bytes(path.read_bytes() + b"LIST" + (4).to_bytes(4, "little") + b"INFO")
    with pytest.raises(BadSampleError, match="at least 400 samples .* got 0"):
        SpeechData(str(tmp_path)).lengths()
