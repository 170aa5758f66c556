"""Tables in a narrow terminal: lines break, and every word and number stays."""

import io

import pytest
from rich.console import Console, RenderableType

from profiling.report.answers.sections import build_sections
from profiling.report.table import print_sections
from profiling.report.terminal import below_heading, open_table
from tests.samples.rows.answers import answer_of

WIDE = {"tipping_point": 12_400.0, "ci_low": 11_000.0, "ci_high": 14_000.0}
LONG_NAME = "longformer-of-many-letters-without-a-break"


def body_of(cell: RenderableType, width: int) -> list[str]:
    """Return the lines of a table of one cell."""
    console = Console(width=width, color_system=None, file=io.StringIO())
    table = open_table(("variant",))
    table.add_row(cell)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()[2:]]


def answers_at(width: int) -> str:
    rows = [
        answer_of("nystromformer", ["lose", "win"], metric=metric, comparison=kind, **WIDE)
        | {"efficient_implementation": "library"}
        for metric in ("latency", "throughput", "memory")
        for kind in ("like_for_like", "best_vs_best")
    ]
    rows[0] |= {"verdict": "several"}
    console = Console(width=width, color_system=None, file=io.StringIO())
    with console.capture() as capture:
        print_sections(build_sections(rows), console)
    assert all(len(line) <= width for line in capture.get().splitlines())
    return capture.get()


def test_at_80_columns_no_name_and_no_number_of_an_answer_is_cut() -> None:
    text = answers_at(80)
    assert "…" not in text
    assert text.count("[11,000-14,000]") >= 6
    assert text.count("12,400") >= 6
    for words in ("nystromformer", "last of several", "library vs sdpa", "best vs best"):
        assert words in text


@pytest.mark.parametrize("width", [30, 40, 60])
def test_a_narrower_terminal_breaks_numbers_and_leaves_nothing_out(width: int) -> None:
    assert "…" not in answers_at(width)


def test_a_word_longer_than_its_column_goes_on_in_the_next_line() -> None:
    for cell in (LONG_NAME, below_heading(LONG_NAME)):
        assert "".join(line.strip() for line in body_of(cell, 24)) == LONG_NAME


def test_all_lines_of_a_name_are_indented_below_their_heading() -> None:
    lines = body_of(below_heading("best vs best of bert (of many letters)"), 24)
    assert len(lines) > 1
    assert all(line.startswith("  ") for line in lines)
