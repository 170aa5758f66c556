"""Word errors of spoken digits belong to words, and to the recordings of these words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.digits.errors import errors_of_recordings, errors_of_words


@pytest.mark.parametrize(
    ("hypothesis", "errors"),
    [
        ("SIX SIX TEN", [0, 0, 0]),
        ("SIX TEN TEN", [0, 1, 0]),
        ("", [1, 1, 1]),
        ("ONE SIX SIX TEN", [1, 0, 0]),
        ("SIX SIX TEN ONE TWO", [0, 0, 2]),
    ],
)
def test_errors_are_those_of_words(hypothesis, errors):
    assert errors_of_words(["SIX", "SIX", "TEN"], hypothesis.split()) == errors


WORD = st.sampled_from(["ONE", "TWO", "SIX"])


@given(st.lists(WORD, min_size=1, max_size=9), st.lists(WORD, max_size=9))
def test_errors_of_words_add_up_to_the_edit_distance(reference, hypothesis):
    row = list(range(len(hypothesis) + 1))  # distances of the plain recursion
    for count, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], count
        for place, heard in enumerate(hypothesis, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (word != heard)),
            )
    assert sum(errors_of_words(reference, hypothesis)) == row[-1]


def test_errors_belong_to_recordings_however_they_were_put_together():
    utterances = {
        "ann-0001.wav": [{"name": "2_ann_0"}, {"name": "7_ann_0"}],
        "ann-0000.wav": [{"name": "7_ann_0"}, {"name": "2_ann_0"}],
    }
    references = {"ann-0000.wav": ["SEVEN", "TWO"], "ann-0001.wav": ["TWO", "SEVEN"]}
    hypotheses = {"ann-0000.wav": ["SEVEN"], "ann-0001.wav": ["TWO", "SIX"]}
    assert errors_of_recordings(utterances, references, hypotheses) == [[1, 0], [0, 1]]
