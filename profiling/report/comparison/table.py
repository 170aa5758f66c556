"""Two runs compared: tables for the terminal and for a pull request."""

from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from profiling.analysis.run_comparison.run_answers import Answer, RunComparison
from profiling.report.comparison.words import (
    COUNTED,
    Section,
    build_sections,
    count_answers,
    describe_answer,
    foot_lines,
)
from profiling.report.markdown import escape_markdown, markdown_table
from profiling.report.terminal import below_heading, open_table
from profiling.rows.columns import judged_columns

STYLES = {"faster": "green", "slower": "red", "cannot_tell": "dim"}


def print_comparison(comparison: RunComparison, head: Iterable[str], console: Console) -> None:
    """Print what differs, how many answers there are of each kind, and a line per point."""
    for line in head:
        console.print(Text(line), soft_wrap=True)
    console.print("", _table(COUNTED, count_answers(comparison)), "")
    for section in build_sections(comparison.answers):
        console.print(Text(f"{section.title}, by {section.unit}", style="bold"))
        # The unit stands in the title: a line has either a name or a length.
        headings = ("variant", *judged_columns())
        console.print(_table(headings, _rich_lines(section)), "")
    for line in foot_lines(comparison):
        console.print(Text(line, style="dim"))


def comparison_as_markdown(comparison: RunComparison, head: Iterable[str]) -> str:
    """Return the same for a pull request: what differs in full, all points folded away."""
    sections = build_sections(comparison.answers)
    counts = "\n".join(markdown_table(COUNTED, count_answers(comparison)))
    differing = [_markdown_section(s) for s in map(_only_decided, sections) if s.lines]
    alike = "No point differs." if sections else "No point has a number in both runs."
    blocks = [
        "\n".join(f"- {escape_markdown(line)}" for line in head),
        counts,
        *(differing or [alike]),
        "<details><summary>All points</summary>",
        *map(_markdown_section, sections),
        "</details>",
        "\n".join(map(escape_markdown, foot_lines(comparison))),
    ]
    return "\n\n".join(blocks) + "\n"


def _table(headings: Iterable[str], lines: Iterable[Iterable[RenderableType]]) -> Table:
    table = open_table(headings)
    for line in lines:
        table.add_row(*line)
    return table


def _rich_lines(section: Section) -> Iterator[list[RenderableType]]:
    previous = None
    for name, length, answers in section.lines:
        if name != previous:
            yield [Text(name, style="bold")]
        cells = [_cell(answers.get(metric)) for metric in judged_columns()]
        yield [below_heading(f"{length:,}"), *cells]
        previous = name


def _cell(answer: Answer | None) -> Text:
    return Text(describe_answer(answer), STYLES[answer.verdict] if answer else "dim")


def _only_decided(section: Section) -> Section:
    lines = [
        line
        for line in section.lines
        if any(answer.verdict != "cannot_tell" for answer in line[2].values())
    ]
    return Section(section.title, section.unit, lines)


def _markdown_section(section: Section) -> str:
    lines = [
        (name, f"{length:,}", *(describe_answer(answers.get(m)) for m in judged_columns()))
        for name, length, answers in section.lines
    ]
    headings = ("variant", section.unit, *judged_columns())
    return "\n".join(
        [f"**{escape_markdown(section.title)}**", "", *markdown_table(headings, lines)]
    )
