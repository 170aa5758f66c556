"""The page's table of shares says what the answers say, in their unit."""

import re

import pytest

from datamodules.lengths import LengthDistribution
from profiling.report.page.shares import shares_of
from tests.samples.rows.answers import Row, answer_of
from tests.samples.rows.run import sample_report


def told(row: Row, lengths: list[int]) -> tuple[str, str]:
    data = LengthDistribution.from_lengths(lengths, "films", str(row["modality"]), "nowhere")
    (share,) = shares_of([row], [data])
    return share.wins_from, share.share


def test_an_answer_of_at_most_is_one_in_the_table_too() -> None:
    row = answer_of("one", ["tie", "win", "win"])
    assert row["tipping_point"] < 170 < row["ci_high"] < 200
    assert told(row, [170, 200]) == ("at most 183 tokens", "at least 50.0 %")


def test_what_wins_nowhere_for_good_has_no_share() -> None:
    data = LengthDistribution.from_lengths([100], "films", "text", "nowhere")
    assert shares_of([answer_of("one", ["win", "lose"]), answer_of("two", ["tie"])], [data]) == []


@pytest.mark.parametrize(
    ("efficient", "wins_from"),
    [("parakeet", "3.33 seconds"), ("whisper", "3.33 seconds"), ("lhubert", "166 frames")],
)
def test_lengths_stand_in_the_unit_of_the_answers(efficient: str, wins_from: str) -> None:
    row = answer_of(efficient, ["lose", "win"], modality="speech", vanilla="hubert")
    assert told(row | {"axis": "sequence_length"}, [100, 200]) == (wins_from, "50.0 %")


def test_of_an_image_the_side_counts_that_a_model_gets() -> None:
    row = answer_of("swin", ["lose", "win"], modality="vision", vanilla="vit")
    assert 160 < row["tipping_point"] < 192
    assert told(row, [150, 160, 161, 192]) == ("166 pixels per side", "50.0 %")


def test_the_page_shows_them_with_their_unit() -> None:
    page = (sample_report() / "report.html").read_text()
    assert re.search(r'<td class="number">at most [\d,]+ tokens</td>', page)
    assert re.search(r'<td class="number">[\d,]+ frames</td>', page)
