"""What stands below a table of answers."""

from typing import Any

from lightning_modules.variants import VARIANTS
from profiling.analysis.points.maximum import maximum_on_axis
from profiling.report.notes import gather_notes
from tests.samples.rows.answers import Row, answer_of

WHY = "hubert sdpa was not measured"


def answer_to(longest: float, **fields: Any) -> Row:
    """Return an answer of three lengths, at the last of which one side is missing."""
    row = answer_of("whisper", ["lose", "win", "missing"], modality="speech", **fields)
    for item, length in zip(row["lengths"], (16_000, 32_000, longest), strict=True):
        item["length"] = length
    row["lengths"][-1]["reason"] = WHY
    return row | {"longest_measured": 32_000, "vanilla": "hubert"}


def test_a_length_at_which_one_side_is_missing_is_named_with_the_reason() -> None:
    (note,) = gather_notes([answer_to(96_000, axis="input_size")])
    assert note == f"speech inference whisper: at 6 seconds not compared ({WHY})"


def test_a_length_that_a_variant_does_not_take_is_not_missing() -> None:
    assert VARIANTS["speech"]["whisper"].maximum_length
    end = maximum_on_axis(answer_to(0, axis="input_size"))
    assert end is not None
    assert gather_notes([answer_to(end + 320, axis="input_size")]) == []
    assert len(gather_notes([answer_to(end, axis="input_size")])) == 1
