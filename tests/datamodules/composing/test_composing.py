"""A corpus is composed of short recordings, as its settings say, or not at all."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.composing.corpus import compose
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.sounds import Augmentation
from datamodules.errors import BadSampleError, DataError
from datamodules.utterances.transcribed import TranscribedSpeech
from tests.samples.places import SHARED_DATA
from tests.samples.recordings.composing import SMALL, manifest_of, write_words

SHARED = SHARED_DATA / "fsdd"


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path / "words")


def used(utterances):
    return Counter(part["name"] for parts in utterances.values() for part in parts)


def bytes_of(corpus):
    files = (path for path in corpus.rglob("*") if path.is_file())
    return {path.relative_to(corpus).as_posix(): path.read_bytes() for path in files}


def take_of(name):
    return int(Path(name).stem.split("_")[-1])


@pytest.mark.torchaudio
def test_every_recording_is_used_in_one_split_as_often_as_it_has_passes(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), replace(SMALL, passes=3, test_passes=2))
    counts = {split: used(utterances) for split, utterances in manifest_of(corpus).items()}
    assert sum(map(len, counts.values())) == 36
    takes = {split: {take_of(name) for name in names} for split, names in counts.items()}
    assert takes["test"] == {0, 1}
    assert len(takes["val"]) == 1
    assert takes["train"] | takes["val"] == {2, 3, 4, 5}
    assert not takes["train"] & takes["val"]
    assert set(counts["train"].values()) == {3}
    assert set(counts["val"].values()) == {1}
    assert set(counts["test"].values()) == {2}


@pytest.mark.torchaudio
@pytest.mark.parametrize("speakers", ["same", "mixed"])
def test_utterances_are_what_their_manifest_and_transcript_say(words, tmp_path, speakers):
    corpus = compose(str(words), str(tmp_path / "corpus"), replace(SMALL, speakers=speakers))
    spoken = {"0": "ZERO", "7": "SEVEN", "yes": "YES"}
    voices = set()
    for split, utterances in manifest_of(corpus).items():
        lines = (corpus / split / "transcripts.tsv").read_text().splitlines()
        texts = dict(line.split("\t") for line in lines)
        files = sorted(path.name for path in (corpus / split).glob("*.wav"))
        assert list(texts) == sorted(texts) == files == list(utterances)
        for name, parts in utterances.items():
            assert 3 <= len(parts) <= 4
            labels = [part["name"].split("_")[0] for part in parts]
            assert texts[name] == " ".join(spoken[label] for label in labels)
            voices.add(frozenset(part["name"].split("_")[1] for part in parts))
    assert max(map(len, voices)) == (1 if speakers == "same" else 2)


@pytest.mark.torchaudio
def test_the_same_settings_and_recordings_give_the_same_bytes(words, tmp_path):
    settings = replace(SMALL, augmentation=Augmentation((0.9, 1.0, 1.1), snr_db=(10, 20)))
    first = bytes_of(compose(str(words), str(tmp_path / "a"), settings))
    assert first == bytes_of(compose(str(words), str(tmp_path / "b"), settings))
    other = bytes_of(compose(str(words), str(tmp_path / "c"), replace(settings, seed=1)))
    assert first["test/transcripts.tsv"] != other["test/transcripts.tsv"]


@pytest.mark.torchaudio
def test_asked_again_nothing_is_done_and_other_settings_are_named(words, tmp_path):
    folder = str(tmp_path / "corpus")
    corpus = compose(str(words), folder, SMALL)
    before = (corpus / "manifest.json").stat().st_mtime_ns
    compose(str(words), folder, SMALL)
    assert (corpus / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(DataError, match="with other settings: `gap_noise`, `seed`; `fresh`"):
        compose(str(words), folder, replace(SMALL, seed=3, gap_noise=0.0))
    compose(str(words), folder, replace(SMALL, seed=3), fresh=True)
    soundfile.write(words / "0_ann_0.wav", np.zeros(900), 8_000)
    with pytest.raises(DataError, match="with other recordings; `fresh`"):
        compose(str(words), folder, replace(SMALL, seed=3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "words"]


@pytest.mark.torchaudio
def test_a_recording_that_was_edited_in_place_is_another_one(words, tmp_path):
    folder = str(tmp_path / "corpus")
    composed = bytes_of(compose(str(words), folder, SMALL))
    path = words / "0_ann_0.wav"
    sound, rate_hz = soundfile.read(path)
    size = path.stat().st_size
    soundfile.write(path, sound / 2, rate_hz)
    assert path.stat().st_size == size
    with pytest.raises(DataError, match="with other recordings; `fresh`"):
        compose(str(words), folder, SMALL)
    assert bytes_of(compose(str(words), folder, SMALL, fresh=True)) != composed


@pytest.mark.torchaudio
def test_a_fresh_corpus_is_composed_even_of_the_same(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), SMALL)
    whole = bytes_of(corpus)
    (corpus / "train/transcripts.tsv").write_text("changed by hand")
    assert bytes_of(compose(str(words), str(corpus), SMALL, fresh=True)) == whole


@pytest.mark.parametrize(
    "content", [None, "{}", "no json", "[]", pytest.param("[" * 100_000, id="deep")]
)
def test_a_folder_that_was_not_composed_is_never_replaced(words, tmp_path, content):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    if content is not None:
        (mine / "manifest.json").write_text(content)
    with pytest.raises(DataError, match="mine exists, and is no composed corpus"):
        compose(str(words), str(mine), SMALL, fresh=True)
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.mark.torchaudio
def test_a_damaged_recording_is_named_and_nothing_is_left(words, tmp_path):
    path = words / "7_ann_3.flac"
    soundfile.write(path, np.random.default_rng(0).standard_normal(9_000) / 9, 8_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])  # the header is whole
    with pytest.raises(BadSampleError, match="7_ann_3.flac"):
        compose(str(words), str(tmp_path / "corpus"), SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["words"]
    path.write_bytes(b"nothing")
    with pytest.raises(BadSampleError, match="7_ann_3.flac cannot be read"):
        compose(str(words), str(tmp_path / "corpus"), SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words_per_utterance": (4, 9)}, "number of val recordings of ann, 3, got 4"),
        ({"test_takes": 0}, "number of test recordings of anyone, 0, got 3"),
        ({"test_takes": 9}, "`val_share` 0.1 must leave takes to train on, got 0 takes"),
        ({"test_takes": 9, "val_share": 0.0}, "number of train recordings of anyone, 0, got 3"),
    ],
)
def test_too_few_recordings_are_named(words, tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        compose(str(words), str(tmp_path / "corpus"), replace(SMALL, **change))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ComposeSettings(words_per_utterance=(5, 4)), "`words_per_utterance` must be two"),
        (lambda: ComposeSettings(words_per_utterance=(0, 4)), "`words_per_utterance` must be two"),
        (lambda: ComposeSettings(gap_seconds=(-0.1, 0.2)), "`gap_seconds` must be two finite"),
        (
            lambda: ComposeSettings(speakers="all"),  # type: ignore[arg-type]
            "`speakers` must be one of mixed, same, got 'all'",
        ),
        (lambda: ComposeSettings(passes=0), "`passes` must be at least 1, got 0"),
        (lambda: ComposeSettings(val_share=1.0), "`val_share` must be at least 0 and below 1"),
        (lambda: Augmentation(speeds=()), "`speeds` must be numbers from 0.5 to 2"),
        (
            lambda: Augmentation(snr_db=(9, 3)),
            "`snr_db` must be two .*, the smaller one first, got 9",
        ),
        (lambda: compose("nowhere", "x"), "`recordings` must be a folder of audio, got nowhere"),
    ],
)
def test_wrong_settings_are_named(build, message):
    with pytest.raises(DataError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.torchaudio
def test_speakers_for_testing_are_heard_nowhere_else(words, tmp_path):
    unseen = replace(SMALL, test_speakers=("bo_b",), val_share=0.0)
    utterances = manifest_of(compose(str(words), str(tmp_path / "corpus"), unseen))
    assert list(utterances) == ["train", "test"]
    assert {name.split("_")[1] for name in used(utterances["train"])} == {"ann"}
    assert len(used(utterances["test"])) == 18


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_real_digits_are_composed(tmp_path):
    few = tmp_path / "digits"
    few.mkdir()
    for path in SHARED.glob("*_lucas_1*.wav"):  # takes 1 and 10 to 19 of every digit
        (few / path.name).symlink_to(path)
    utterances = manifest_of(compose(str(few), str(tmp_path / "corpus")))
    assert {split: sum(used(members).values()) for split, members in utterances.items()} == {
        "train": 90,
        "val": 10,
        "test": 10,
    }


@pytest.mark.torchaudio
def test_a_corpus_is_what_transcribed_speech_reads(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), SMALL)
    data = TranscribedSpeech(
        str(corpus / "train"), val_source=str(corpus / "val"), test_source=str(corpus / "test")
    )
    data.setup("fit")
    assert set(data.reference("train", 0).split()) <= {"ZERO", "SEVEN", "YES"}
    assert len(data.test_reader.lengths) == len(manifest_of(corpus)["test"])
