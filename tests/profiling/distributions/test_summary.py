import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampled
from profiling.distributions.cutting import (
    cut_at,
    name_length,
    recommend,
    usual_cuts,
    usual_lengths,
)
from profiling.distributions.estimates import Estimate
from profiling.distributions.padding import MOST_SAMPLES, bucket_edges, lengths_of
from profiling.distributions.summary import Batching, summarise
from profiling.distributions.words import compare, describe

BATCHING = Batching([2, 4], 3)


def make(lengths, modality="text", name="reviews", sampled=None):
    return LengthDistribution.from_lengths(lengths, name, modality, "source", sampled=sampled)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(1, 100))
def test_a_cut_counts_what_is_longer_and_what_lies_beyond(lengths, limit):
    cut = cut_at(make(lengths), limit)
    assert cut.samples.value == pytest.approx(sum(n > limit for n in lengths) / len(lengths))
    beyond = sum(max(0, n - limit) for n in lengths)
    assert cut.positions.value == pytest.approx(beyond / sum(lengths))


def test_of_images_pixels_are_lost_not_sides():
    cut = cut_at(make([200, 400], "vision"), 200)
    assert cut.positions.value == pytest.approx((400**2 - 200**2) / (200**2 + 400**2))


def test_usual_lengths_of_speech_are_seconds():
    assert usual_lengths("speech")[499] == "10 s"
    assert name_length("speech", 499) == "10 s"
    assert name_length("speech", 65) == "1.3 s"
    assert name_length("text", 1000) == "1,000"


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([100] * 99 + [5000], 8192),  # one in a hundred, but a third of the tokens
        ([100] * 999 + [200], 128),
        ([100] * 98 + [200] * 2, 256),
        ([128], 128),
        ([129], 256),
        ([1], 32),
    ],
)
def test_the_smallest_length_that_cuts_little_is_recommended(lengths, expected):
    found = make(lengths)
    assert recommend(found, usual_cuts(found)).max_length == expected


def test_beyond_all_usual_lengths_the_longest_sample_is_recommended():
    found = make([200_000, 5])
    assert recommend(found, usual_cuts(found)).max_length == 200_000
    text = describe(summarise(found, BATCHING))
    assert "recommended max_length: 200,000 (as long as the longest sample: beyond every" in text


def test_edges_are_those_of_the_cut_samples():
    assert bucket_edges(make([1, 5, 9, 12]), 6, 9) == [1, 5, 6]


def test_of_very_many_samples_some_are_taken():
    found = LengthDistribution("a", "text", "tokens", (1, 7), (3 * 10**6, 10**6), "a.csv")
    counted = Counter(lengths_of(found))
    assert counted.total() == MOST_SAMPLES
    assert counted[7] / MOST_SAMPLES == pytest.approx(0.25, abs=0.01)


def test_a_summary_for_programs_has_every_share():
    said = summarise(make([10, 20, 30, 40] * 5), BATCHING).to_dict()
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert said["recommended_max_length"] == said["max_length"] == 64
    shares = {(each["policy"], each["batch_size"]): each for each in said["padding"]}
    assert len(shares) == 8
    assert shares["pad_to_maximum", 2]["padding_share"] == pytest.approx(1 - 25 / 64)
    assert shares["packed", 4]["padding_share"] == 0
    assert "drawn_from" not in said
    assert set(shares["dynamic", 2]) == {"policy", "batch_size", "padding_share"}


def test_a_given_max_length_is_listed_and_cuts():
    summary = summarise(make([10, 20, 30, 40]), Batching([2], 2, max_length=25))
    assert [cut.max_length for cut in summary.cuts] == [25, 32, 64]
    assert summary.chosen.max_length == 25
    assert summary.recommended.max_length == 64
    assert max(summary.edges) == 25


def test_images_are_not_padded():
    summary = summarise(make([100, 300], "vision"), BATCHING)
    assert (summary.edges, summary.paddings) == ([], [])
    assert "padding: none, since all images" in describe(summary)
    assert "samples shrunk" in describe(summary)


def test_a_draw_is_told_with_its_errors():
    text = describe(summarise(make([10, 20, 30, 140] * 5, sampled=Sampled(400, 0)), BATCHING))
    assert "20 samples of 400, drawn without replacement" in text
    assert "mean 50.0 (standard error 11.7, 95 % 27.0 to 73.0)" in text
    assert "another value is possible: draw more samples" in text
    assert "25.0 % [" in text


def test_of_a_draw_with_one_usable_sample_the_error_is_unknown():
    summary = summarise(make([10], sampled=Sampled(400, 0, 2)), BATCHING)
    text = describe(summary)
    assert "1 sample, all that can be used of 2 of 400, drawn without replacement" in text
    assert "mean 10.0 (standard error unknown)" in text
    said = summary.to_dict()
    assert (said["mean_standard_error"], said["mean_low"], said["mean_high"]) == (None, None, None)


def test_a_given_max_length_casts_no_doubt_on_the_recommended_one():
    # About 1 % lies beyond 100, so of that cut the intervals leave doubt; beyond 128 surely none.
    found = make([10] * 995 + [101] * 10, sampled=Sampled(1500, 0))
    given = summarise(found, Batching([2], 2, max_length=100))
    assert not given.chosen.is_certain
    assert given.recommended.max_length == 128
    assert "another value is possible" not in describe(summarise(found, BATCHING))
    assert "another value is possible" not in describe(given)


@pytest.mark.parametrize("lengths", [[8] * 3 + [9] * 3 + [10], [4] * 6 + [5]])
def test_packed_samples_have_no_padding_whatever_was_not_drawn(lengths):
    summary = summarise(make(lengths, sampled=Sampled(400, 0)), Batching([1, 128], 3))
    packed, alone = (
        [each.share for each in summary.paddings if (each.policy, each.batch_size) in wanted]
        for wanted in ([("packed", 1), ("packed", 128)], [("dynamic", 1), ("buckets", 1)])
    )
    assert packed == alone == [Estimate(0.0, 0.0, 0.0)] * 2
    (line,) = (each for each in describe(summary).splitlines() if each.startswith("packed"))
    assert line.split() == ["packed", "0.0", "%", "0.0", "%"]


def test_a_whole_source_has_no_errors_in_its_text():
    text = describe(summarise(make([10, 20, 30, 140] * 5), BATCHING))
    assert "[" not in text
    assert "recommended max_length: 256 (the smallest usual value" in text
    assert "suggested bucket edges: 10, 30, 140" in text


def test_data_sets_stand_side_by_side_in_their_units():
    texts = summarise(make([10, 20]), BATCHING)
    sounds = summarise(make([99, 499], "speech", "digits"), BATCHING)
    images = summarise(make([224], "vision", "photos"), BATCHING)
    lines = compare([texts, sounds, images]).splitlines()
    assert lines[0].split() == ["reviews", "digits", "photos"]
    assert lines[2].split() == ["unit", "tokens", "frames", "pixels"]
    assert any(line.endswith("-") and "dynamic, batch of 4" in line for line in lines)
    assert any("499 (10 s)" in line for line in lines)
