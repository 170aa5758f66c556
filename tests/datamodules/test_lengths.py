import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.lengths import LengthDistribution

FRACTIONS = [0.0, 0.07, 0.1, 0.5, 0.9, 1.0]


def make_distribution(lengths=(5, 3, 5, 9)):
    return LengthDistribution.from_lengths(lengths, "reviews", "text", "reviews.jsonl")


def test_lengths_are_counted_and_sorted():
    distribution = make_distribution()
    assert distribution.values == (3, 5, 9)
    assert distribution.counts == (1, 2, 1)
    assert distribution.count == 4
    assert distribution.unit == "tokens"


def test_the_share_beyond_a_length_counts_samples_at_least_that_long():
    distribution = make_distribution([10] * 5 + [20] * 3 + [40] * 2)
    assert [distribution.share_beyond(length) for length in (1, 20, 21, 41)] == [1, 0.5, 0.2, 0]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=120))
def test_quantiles_equal_those_of_numpy_and_exist_in_the_data(lengths):
    quantiles = make_distribution(lengths).quantiles(FRACTIONS)
    expected = np.quantile(lengths, FRACTIONS, method="inverted_cdf").tolist()
    assert quantiles == expected
    assert set(quantiles) <= set(lengths)


def test_a_quantile_outside_0_to_1_is_refused():
    with pytest.raises(DataError, match="between 0 and 1, got 1.5"):
        make_distribution().quantiles([1.5])


def test_a_file_round_trip_keeps_everything_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "lengths.json"
    path.write_text("old")
    make_distribution().to_json(path)
    assert LengthDistribution.from_json(path) == make_distribution()
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text()) == {
        "name": "reviews",
        "modality": "text",
        "unit": "tokens",
        "count": 4,
        "values": [3, 5, 9],
        "counts": [1, 2, 1],
        "source": "reviews.jsonl",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": [5, 3, 9]}, "`values` must be ascending"),
        ({"values": [3, 5, 5.5]}, "`values` must be positive integers, got 5.5"),
        ({"values": [3, 5]}, "same number of entries, got 2 and 3"),
        ({"values": [], "counts": [], "count": 0}, "`values` must not be empty"),
        ({"values": "3"}, "`values` must be a list"),
        ({"counts": [1, 0, 1]}, "`counts` must be positive integers, got 0"),
        ({"count": 7}, "`count` must be the sum of `counts`, 4, got 7"),
        ({"unit": "frames"}, "`unit` of text must be tokens, got 'frames'"),
        ({"modality": "smell"}, "one of speech, text, vision, got 'smell'"),
        ({"name": None}, "`name` must be a string"),
        ({"name": "\ud83d"}, "it has a text with half of a pair of surrogates"),
        ({"values": [3, 5, 10**400]}, "it has an integer beyond"),
    ],
)
def test_a_wrong_field_is_named_with_the_file(tmp_path, change, message):
    path = tmp_path / "lengths.json"
    make_distribution().to_json(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=message) as caught:
        LengthDistribution.from_json(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[1]", b'{"name": "x"}', b"[" * 99_999]
)
def test_a_file_that_is_no_distribution_is_one_sentence(tmp_path, content):
    path = tmp_path / "lengths.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="lengths.json") as caught:
        LengthDistribution.from_json(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_unwritable_place_are_named(tmp_path):
    path = tmp_path / "absent" / "lengths.json"
    with pytest.raises(DataError, match="cannot read lengths from .*absent"):
        LengthDistribution.from_json(path)
    with pytest.raises(DataError, match="cannot write lengths to .*absent"):
        make_distribution().to_json(path)


def test_no_lengths_is_an_empty_data_set():
    with pytest.raises(DataError, match=r"`source` reviews.jsonl holds no samples"):
        make_distribution([])
