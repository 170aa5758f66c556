import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.lengths import LengthDistribution
from datamodules.sampling import NORMAL_95, Sampled, Sampling, mean_and_error


def distribution_of(lengths, drawn_from, seed=0, drawn=None, left_out=None):
    sampled = Sampled(drawn_from, seed, drawn)
    return LengthDistribution.from_lengths(lengths, "a", "text", "a.csv", left_out, sampled)


@given(st.integers(1, 60), st.integers(2, 70), st.integers(0, 9))
def test_a_draw_is_without_replacement_and_ascending(count, most, seed):
    sampling = Sampling(most, seed)
    drawn = list(sampling.draw(count))
    assert drawn == sorted(set(drawn))
    assert set(drawn) <= set(range(count))
    assert len(drawn) == min(count, most)
    assert sampling.sampled == (Sampled(count, seed, most) if most < count else None)


def test_a_seed_decides_the_draw():
    draws = [Sampling(10, seed).draw(1000) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_whoever_follows_hears_how_far_it_is():
    heard = []
    sampling = Sampling(tell=lambda done, total: heard.append((done, total)))
    assert list(sampling.follow("abc", weight=10)) == ["a", "b", "c"]
    assert heard == [(10, 30), (20, 30), (30, 30)]


def test_a_file_of_drawn_samples_says_of_how_many_and_with_which_error(tmp_path):
    path = tmp_path / "lengths.json"
    found = distribution_of([4, 6, 6, 8], 16, seed=3)
    found.to_json(path)
    said = json.loads(path.read_text())
    assert said["count"] == 4
    fields = said["sampled"]
    assert (fields["drawn_from"], fields["seed"], fields["mean"]) == (16, 3, 6)
    # Standard deviation of 4, 6, 6, 8 is sqrt(8 / 3); a quarter of the source was seen.
    error = math.sqrt(8 / 3 / 4 * 0.75)
    assert fields["standard_error"] == pytest.approx(error)
    assert fields["mean_interval"] == pytest.approx([6 - 1.959964 * error, 6 + 1.959964 * error])
    assert fields["share_margin"] == pytest.approx(1.959964 * math.sqrt(0.25 / 4 * 0.75))
    assert LengthDistribution.from_json(path) == found


def test_samples_that_cannot_be_used_were_seen_nevertheless(tmp_path):
    left_out = {"empty text": {"": 4}, "other ending": {".txt": 5}}
    found = distribution_of([4, 6, 6, 8], 16, drawn=8, left_out=left_out)
    found.to_json(tmp_path / "lengths.json")
    said = json.loads((tmp_path / "lengths.json").read_text())
    # Half of the source was seen, also by those of which half could not be used.
    fields = said["sampled"]
    assert (fields["drawn"], fields["drawn_from"]) == (8, 16)
    assert fields["standard_error"] == pytest.approx(math.sqrt(8 / 3 / 4 * 0.5))
    assert fields["share_margin"] == pytest.approx(1.959964 * math.sqrt(0.25 / 4 * 0.5))
    # The empty ones are among the 16, those of another ending are not.
    assert said["found"] == 16 + 5
    assert LengthDistribution.from_json(tmp_path / "lengths.json") == found


def test_one_usable_sample_tells_no_error_of_the_mean():
    fields = distribution_of([5], 10, drawn=2).to_dict()["sampled"]
    assert (fields["mean"], fields["standard_error"], fields["mean_interval"]) == (5, None, None)


@pytest.mark.parametrize("drawn", [2, 17])
def test_a_draw_of_too_few_or_too_many_is_named(drawn):
    with pytest.raises(DataError, match=f"`drawn` .* at least 3, .* at most 16, .* got {drawn}"):
        distribution_of([4, 6, 6], 16, drawn=drawn)


def test_a_reader_that_knows_nothing_of_draws_finds_what_it_needs(tmp_path):
    fields = distribution_of([4, 6], 16).to_dict()
    del fields["sampled"]
    assert LengthDistribution.from_dict(fields).values == (4, 6)


@pytest.mark.parametrize("wrong", [3, [], {"seed": 0}, {"drawn_from": 2.5, "seed": 0}])
def test_a_draw_that_cannot_be_read_is_named(wrong):
    fields = distribution_of([4, 6], 16).to_dict() | {"sampled": wrong}
    with pytest.raises(DataError, match="`sampled` must have integers drawn_from and seed"):
        LengthDistribution.from_dict(fields)
    fields["sampled"] = {"drawn_from": 16, "seed": 0, "drawn": "2"}
    with pytest.raises(DataError, match="`drawn` of `sampled` must be an integer, got '2'"):
        LengthDistribution.from_dict(fields)


@pytest.mark.parametrize(("count", "most"), [(400, 60), (100, 80)])
def test_intervals_hold_the_mean_of_the_whole_source_as_often_as_they_say(count, most):
    source = np.random.default_rng(0).gamma(2, 100, count).astype(int) + 1
    held = 0
    for seed in range(400):
        drawn = random.Random(seed).sample(source.tolist(), most)
        values, counts = np.unique(drawn, return_counts=True)
        mean, error = mean_and_error(values.tolist(), counts.tolist(), Sampled(count, seed))
        assert error is not None
        held += abs(mean - source.mean()) <= NORMAL_95 * error
    assert 0.91 <= held / 400 <= 0.98


def test_more_samples_than_were_there_cannot_have_been_drawn():
    with pytest.raises(DataError, match="`sampled` must be drawn from at least the 3 .* got 2"):
        distribution_of([4, 6, 6], 2)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="`sample` must be at least 2, got 1"):
        Sampling(1)
    with pytest.raises(DataError, match="`seed` must be at least 0, got -1"):
        Sampling(5, -1)
