"""Words are found by the names of their recordings, and shared out to utterances."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.composing.corpus import compose
from datamodules.composing.words import Word, group, list_words
from datamodules.errors import BadSampleError, DataError
from datamodules.recordings.recording import Recording
from datamodules.utterances.transcribed import TranscribedSpeech
from tests.samples.recordings.composing import SMALL, manifest_of, write_words
from tests.samples.recordings.speech import write_sound


@given(
    st.integers(1, 9).flatmap(
        lambda fewest: st.tuples(
            st.just(fewest), st.integers(fewest, 14), st.integers(fewest, 200), st.integers(0, 99)
        )
    )
)
def test_groups_have_every_word_once_and_keep_their_sizes_where_they_can(drawn):
    fewest, most, count, seed = drawn
    words = [Word(Recording(Path(), 0), "A", "b", take) for take in range(count)]
    groups = group(words, (fewest, most), np.random.default_rng(seed))
    assert sorted(word.take for members in groups for word in members) == list(range(count))
    sizes = [len(members) for members in groups]
    assert min(sizes) >= fewest
    fits = any(number * fewest <= count <= number * most for number in range(count + 1))
    assert max(sizes) <= most if fits else max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *((name, name) for name in ("seven.wav", "7_ann.wav", "7_ann_x.wav", "_ann_1.wav")),
        pytest.param("7_a\tb_1.wav", r"7_a\\tb_1.wav", id="a tab in a line of transcripts"),
        pytest.param("n\udce9_ann_1.wav", r"n\\udce9_ann_1.wav", id="a word that is no text"),
    ],
)
def test_a_recording_with_another_name_is_named(tmp_path, name, shown):
    write_sound(tmp_path / "a.wav", 900)
    (tmp_path / "a.wav").rename(tmp_path / name)
    with pytest.raises(DataError, match=f"named label_speaker_take, .* got .*{shown}"):
        list_words(str(tmp_path))


def test_a_folder_of_recordings_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write_sound(tmp_path / "7_ann_1.wav", 900)
    (tmp_path / "theo").mkdir()
    scandir = os.scandir

    def refuse(place):
        if str(place).endswith("theo"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BadSampleError, match="theo cannot be read: Permission denied"):
        list_words(str(tmp_path))


@pytest.mark.torchaudio
def test_a_speaker_whose_name_is_no_utf8_speaks_in_a_corpus_that_can_be_read(tmp_path):
    words = write_words(tmp_path / "words")
    for path in words.glob("*_ann_*"):
        path.rename(path.with_name(path.name.replace("ann", "andr\udce9")))
    corpus = compose(str(words), str(tmp_path / "corpus"), SMALL)
    assert os.fsencode(corpus / "train/andr\udce9-0000.wav").endswith(b"andr\xe9-0000.wav")
    data = TranscribedSpeech(str(corpus / "train"), val_source=str(corpus / "val"))
    data.setup("fit")
    names = [recording.name for recording in data.train_reader.recordings]
    assert names == list(manifest_of(corpus)["train"])
    assert data.reference("train", 0).split()
