"""What is decided never reads as nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.lengths import LengthDistribution
from profiling.report.answers.sentences import answer_sentences
from profiling.report.answers.shares import share_sentences
from profiling.report.ceilings import ceiling_sentences, describe_reach
from profiling.report.rounding import number_of, percent_of
from tests.samples.rows.answers import answer_of


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.003, "0.3 %"),
        (0.00042, "0.04 %"),
        (0.42, "42 %"),
        (0.996, "99.6 %"),
        (0.99996, "99.996 %"),
        (1.0, "100 %"),
        (1.5, "150 %"),
        (1e-12, "0 %"),
    ],
)
def test_a_share_reads_as_nothing_or_all_only_where_it_is_that(share: float, words: str) -> None:
    assert percent_of(share) == words


@given(st.floats(-1e6, 1e6), st.integers(0, 3))
def test_a_number_that_differs_by_what_can_be_shown_never_reads_as_the_neutral_one(
    value: float, least: int
) -> None:
    told = float(number_of(value, (1.0,), least).replace(",", ""))
    assert (told == 1.0) == (abs(value - 1) < 1e-6 and round(value, 6) == 1.0)


def test_a_small_saving_is_told_with_its_interval() -> None:
    row = answer_of("one", ["win"] * 3)
    row["lengths"][-1] |= {"ratio": 0.997, "ci_low": 0.995, "ci_high": 0.999}
    (sentence,) = answer_sentences([row])
    assert "At 512 tokens one costs 0.3 % [0.1-0.5 %] less than bert." in sentence


def test_a_ceiling_of_nearly_nothing_is_not_nothing() -> None:
    row = answer_of("one", ["lose"])
    row["lengths"][0] |= {"ceiling": 0.003}
    (sentence,) = ceiling_sentences([row])
    assert sentence.startswith("Attention is 0.3 % of the step of bert at 128 tokens")


def test_what_saves_more_than_attention_takes_does_not_read_as_the_same() -> None:
    told = describe_reach({"ratio": 0.696, "ceiling": 0.302})
    assert told == "saves 30.4 %, more than the 30.2 % that attention takes"
    told = describe_reach({"ratio": 0.998, "ceiling": 0.3})
    assert told == "saves 0.2 % of the step, of which attention takes 30 %"


def test_nearly_all_samples_are_not_all() -> None:
    data = LengthDistribution.from_lengths([100] * 4 + [400] * 996, "films", "text", "nowhere")
    (sentence,) = share_sentences([answer_of("one", ["lose", "win", "win"])], [data])
    assert "of films 99.6 % are at least 166 tokens long" in sentence
