"""What an epoch costs beside a sample, and in which unit people read it."""

from dataclasses import replace

import pytest

from datamodules.sampling import Sampled
from profiling.advising.contenders import Wanted
from profiling.advising.durations import duration_words
from profiling.advising.words import as_lines
from tests.samples.rows.advising import CROSSING, THROUGHPUT, advise_run, lengths_around

DATA = lengths_around(1300)


@pytest.mark.parametrize(
    ("sampled", "samples"),
    [(None, 100), (Sampled(1_000, 0), 1_000), (Sampled(1_000, 0, drawn=125), 800)],
)
def test_an_epoch_costs_what_all_samples_that_can_be_used_do(sampled, samples):
    found = advise_run(CROSSING, replace(DATA, sampled=sampled), THROUGHPUT)

    assert (found["data"], found["samples"], found["max_length"]) == ("made up", samples, None)
    for each in (found, *found["alternatives"]):
        assert each["cost_per_epoch"] == pytest.approx(samples * each["cost_per_sample"])
    epoch = duration_words(found["cost_per_epoch"])
    assert f", an epoch of {samples:,} samples {epoch}; padding is " in as_lines(found, "ms")[1]


def test_an_epoch_needs_no_other_memory_than_its_largest_step():
    found = advise_run(CROSSING, DATA, Wanted("memory", max_length=900))

    assert (found["cost_per_epoch"], found["max_length"]) == (None, 900)
    assert "epoch" not in as_lines(found, "MiB")[1]


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0.25, "0.2 ms"),
        (163.0, "163 ms"),
        (1_000.0, "1.0 s"),
        (163.0 * 281_241, "12.7 h"),
        (90_000.0, "1.5 min"),
        (86_400_000.0 * 1_234, "1,234 days"),
    ],
)
def test_a_time_is_told_in_the_unit_of_people(milliseconds, words):
    assert duration_words(milliseconds) == words
