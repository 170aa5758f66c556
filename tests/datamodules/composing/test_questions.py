"""Utterances with questions: what is heard, what is to be answered."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from datamodules.composing.corpus import compose
from datamodules.composing.questions import ANSWERS, Questions, name_answers
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.words import DIGITS
from datamodules.errors import DataError

ASKED = ComposeSettings(
    words_per_utterance=(2, 3),
    gap_seconds=(0.01, 0.02),
    gap_noise=0.0,
    test_takes=1,
    val_share=0.0,
    questions=Questions(tone_hz=800.0, tone_seconds=0.05, pause_seconds=(0.1, 0.12)),
)


@pytest.fixture
def words(tmp_path):
    """Write 12 short tones of 250 Hz and different lengths."""
    folder = tmp_path / "words"
    folder.mkdir()
    for label in (0, 3, 7):
        for take in range(4):
            tone = 0.3 * np.sin(2 * np.pi * 250 / 16_000 * np.arange(900 + 64 * (label + take)))
            soundfile.write(folder / f"{label}_ann_{take}.wav", tone, 16_000)
    return folder


def test_after_every_word_the_transcript_names_the_first_one(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), ASKED)
    parts = json.loads((corpus / "manifest.json").read_text())["utterances"]["train"]
    letters = {"SEVEN": "A", "THREE": "B", "ZERO": "C"}
    for line in (corpus / "train/transcripts.tsv").read_text().splitlines():
        name, text = line.split("\t")
        said, answered = text.split()[0::2], text.split()[1::2]
        assert said == [DIGITS[int(part["name"].split("_")[0])] for part in parts[name]]
        assert answered == [letters[said[0]]] * len(said)
    first = {names[0]["name"].split("_")[0] for names in parts.values()}
    assert len(first) > 1  # otherwise any letter would do


def test_after_every_word_a_tone_and_a_pause_are_heard(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), ASKED)
    for split, utterances in json.loads((corpus / "manifest.json").read_text())[
        "utterances"
    ].items():
        for name, parts in utterances.items():
            sound, _ = soundfile.read(corpus / split / name)
            ends = [part["start"] for part in parts[1:]] + [len(sound)]
            for part, end in zip(parts, ends, strict=True):
                start = part["start"] + part["samples"]
                spectrum = np.abs(np.fft.rfft(sound[start : start + 800]))
                assert spectrum.argmax() * 16_000 / 800 == 800
                silence = end - start - 800
                assert np.abs(sound[start + 800 : end]).max() == 0
                assert 0.1 <= silence / 16_000 <= 0.12 + 0.02


def test_a_corpus_without_questions_is_the_one_that_it_was_before_there_were_any(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), replace(ASKED, questions=None))
    assert "questions" not in json.loads((corpus / "manifest.json").read_text())["settings"]
    assert not set(ANSWERS) & set((corpus / "train/transcripts.tsv").read_text().partition("\t")[2])
    with pytest.raises(DataError, match="`questions`"):
        compose(str(words), str(corpus), ASKED)


def test_questions_that_are_taken_away_are_named(words, tmp_path):
    corpus = compose(str(words), str(tmp_path / "corpus"), ASKED)
    with pytest.raises(DataError, match="with other settings: `questions`; `fresh`"):
        compose(str(words), str(corpus), replace(ASKED, questions=None))


def test_every_digit_has_an_answer_that_no_digit_is_spelled_with():
    answers = name_answers(DIGITS)
    assert len(set(answers.values())) == len(DIGITS)
    assert not {*answers.values()} & {letter for word in DIGITS for letter in word}


@pytest.mark.parametrize("words", [["SEVEN", "BED"], [f"{'I' * n}" for n in range(1, 12)]])
def test_words_that_cannot_be_asked_about_are_refused(words):
    with pytest.raises(DataError, match="`questions` must be asked about"):
        name_answers(words)


@pytest.mark.parametrize("given", [{"pause_seconds": (0.3, 0.2)}, {"tone_seconds": -1.0}])
def test_a_question_that_cannot_be_is_refused(given):
    with pytest.raises(DataError, match=f"`{next(iter(given))}`"):
        Questions(**given)
