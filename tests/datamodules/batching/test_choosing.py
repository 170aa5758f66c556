"""A sample is trained on or held out whatever other samples there are."""

import shutil
from typing import Any

import pytest

from datamodules.batching.choosing import hold_out
from datamodules.modalities.text import TextData
from datamodules.modalities.vision import ImageData
from datamodules.utterances.keywords import KeywordSpeech
from tests.samples.data import write_images
from tests.samples.recordings.speech import write_sound
from tests.samples.texts import make_texts, write_jsonl, write_tokenizer

NAMES = [f"{speaker}/{take}.wav" for speaker in range(100) for take in range(100)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def sides(names, fraction=0.05):
    return tuple({names[place] for place in side} for side in hold_out(names, fraction))


def test_every_sample_is_on_one_side_and_about_the_fraction_is_held_out():
    for fraction in (0.01, 0.05, 0.3):
        train, held_out = hold_out(NAMES, fraction)
        assert sorted(train + held_out) == list(range(len(NAMES)))
        assert len(held_out) == pytest.approx(len(NAMES) * fraction, rel=0.2)


def test_samples_that_come_or_go_or_change_places_move_no_other():
    train, held_out = sides(NAMES[:5000])
    more_train, more_held_out = sides(["new.wav", *reversed(NAMES)])
    assert train < more_train
    assert held_out < more_held_out


def test_one_sample_is_held_out_at_least_and_one_trained_on():
    for count in range(2, 9):
        for fraction in (1e-9, 1 - 1e-9):
            train, held_out = hold_out(NAMES[:count], fraction)
            assert min(len(train), len(held_out)) == 1
    assert hold_out(["only"], 0.5) == ([], [0])


def test_names_of_any_bytes_have_a_side():
    assert sum(map(len, hold_out(["\udce9.wav", "a\n.wav", "é"], 0.5))) == 3


def test_the_same_text_is_never_on_both_sides(tmp_path):
    texts = make_texts(range(1, 30))
    source = write_jsonl(tmp_path / "a.jsonl", [*texts, "", *texts])
    data: Any = TextData(source, write_tokenizer(tmp_path / "tokenizer"))
    kept = [data.texts["text"][int(row)] for row in data.reader.rows]
    assert list(data.reader.identities()) == kept == [*texts, *texts]
    train, held_out = ({kept[place] for place in side} for side in data._split)
    assert held_out
    assert not train & held_out


def test_a_source_of_one_text_many_times_has_nothing_to_train_on(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", ["word1 word2"] * 9)
    data = TextData(source, write_tokenizer(tmp_path / "tokenizer"))
    with pytest.raises(ValueError, match="at least 2 samples to train, .* got 9 that are all the"):
        data.train_dataloader()


def held_out_files(data):
    reader, (_, indices) = data.reader, data._split
    return {reader.files[index].name for index in indices}


def test_a_new_image_moves_none_to_the_other_side_wherever_the_folder_is(tmp_path):
    write_images(tmp_path, 60)
    before = held_out_files(ImageData(str(tmp_path / "images")))
    shutil.copytree(tmp_path / "images", tmp_path / "moved")
    shutil.copy(tmp_path / "images/class0/00.png", tmp_path / "moved/class0/000.png")
    assert before <= held_out_files(ImageData(str(tmp_path / "moved"))) <= before | {"000.png"}


def test_a_recording_that_is_removed_moves_none_to_the_other_side(tmp_path):
    for number in range(40):
        write_sound(tmp_path / f"{'no' if number % 2 else 'yes'}/{number:02d}.wav", 4_000, number)

    def held_out():
        data = KeywordSpeech(str(tmp_path), hold_out_fraction=0.2, num_workers=0)
        reader = data.train_reader
        batches = list(data.val_dataloader())
        return {reader.recordings[index].name for batch in batches for index in batch["index"]}

    before = held_out()
    (tmp_path / "yes/00.wav").unlink()
    assert held_out() == before - {"yes/00.wav"}
