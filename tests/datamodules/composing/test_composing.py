import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from datamodules.composing.corpus import compose
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.sounds import Augmentation
from datamodules.composing.words import Word, group
from datamodules.errors import BadSampleError, DataError
from datamodules.recordings.decoding import decode
from datamodules.recordings.recording import Recording
from datamodules.utterances.transcribed import TranscribedSpeech
from tests.samples.places import SHARED_DATA

SHARED = SHARED_DATA / "fsdd"
LABELS = ("0", "7", "yes")
SPEAKERS = ("ann", "bo_b")
TAKES = range(6)
SMALL = ComposeSettings(words_per_utterance=(3, 4), gap_seconds=(0.01, 0.02), test_takes=2)


@pytest.fixture
def words(tmp_path):
    """Write 36 short tones, each of its own length and pitch."""
    folder = tmp_path / "words"
    folder.mkdir()
    count = 0
    for label in LABELS:
        for speaker in SPEAKERS:
            for take in TAKES:
                count += 1
                tone = 0.3 * np.sin(np.arange(300 + 11 * count) * (0.2 + 0.03 * count))
                soundfile.write(folder / f"{label}_{speaker}_{take}.wav", tone, 8_000)
    return folder


def manifest_of(corpus):
    return json.loads((corpus / "manifest.json").read_text())["utterances"]


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


@pytest.mark.parametrize("content", [None, "{}", "no json", "[]"])
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


@pytest.mark.parametrize("name", ["seven.wav", "7_ann.wav", "7_ann_x.wav", "_ann_1.wav"])
def test_a_recording_with_another_name_is_named(words, tmp_path, name):
    soundfile.write(words / name, np.zeros(900), 8_000)
    with pytest.raises(DataError, match=f"named label_speaker_take, .* got .*{name}"):
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
        (lambda: ComposeSettings(gap_seconds=(-0.1, 0.2)), "`gap_seconds` must be two numbers"),
        (
            lambda: ComposeSettings(speakers="all"),  # type: ignore[arg-type]
            "`speakers` must be one of mixed, same, got 'all'",
        ),
        (lambda: ComposeSettings(passes=0), "`passes` must be at least 1, got 0"),
        (lambda: ComposeSettings(val_share=1.0), "`val_share` must be at least 0 and below 1"),
        (lambda: Augmentation(speeds=()), "`speeds` must be numbers from 0.5 to 2"),
        (lambda: Augmentation(snr_db=(9, 3)), "`snr_db` must have the smaller number first"),
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
