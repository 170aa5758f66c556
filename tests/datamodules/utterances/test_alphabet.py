"""Transcripts spelled in letters."""

import pytest

from datamodules.errors import DataError
from datamodules.utterances.alphabet import LETTERS, frames_needed, spell
from tests.samples.recordings.transcribed import speech


def test_a_transcript_is_spelled_in_letters_with_an_end_of_every_word():
    assert [LETTERS[symbol] for symbol in spell(" it's\tso ")] == list("IT'S|SO|")
    assert spell("") == []
    assert spell("ab", ["", "|", "a", "b"]) == [2, 3, 1]
    assert len(LETTERS) == 29
    assert frames_needed(spell("ALL")) == 5
    with pytest.raises(DataError, match="`alphabet` must have .*, x.wav has '1', 'É'"):
        spell("é 1", recording="x.wav")


@pytest.mark.parametrize(
    ("alphabet", "problem"),
    [
        (["", "A"], "got 1 symbol after"),
        (["", "|", "A", "A"], "got 3 symbols"),
        (["", "|", "AB"], "got 'AB'"),
        (["", "|", " "], "got ' '"),
        ([], "got 0 symbols"),
    ],
)
def test_an_alphabet_that_cannot_be_is_named(alphabet, problem):
    with pytest.raises(DataError, match=f"`alphabet` must be the blank .*{problem}"):
        speech("x", alphabet=alphabet)
