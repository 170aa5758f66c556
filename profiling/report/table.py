"""The answers as a terminal table and as markdown."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from profiling.report.answers.sections import Section, chance_sentence
from profiling.report.markdown import escape_markdown, markdown_table
from profiling.report.terminal import below_heading, open_table
from profiling.report.words import AT_MOST, KERNELS, LEGEND, NO_ANSWERS, PROVEN
from profiling.rows.columns import judged_columns

MAX_NOTES = 12
CELL_STYLES = {"crosses": "green", "several": "green", "always": "bold green"}


def print_sections(sections: Sequence[Section], console: Console) -> None:
    """Print sentences and a table per modality and phase, and how to read them."""
    for section in sections:
        # Not a title of the table, which would wrap at the table's width.
        console.print(Text(section.title, style="bold"))
        for sentence in section.told:
            console.print(Text(f"- {sentence}"))
        if section.told:
            console.print()
        console.print(_rich_table(section))
        for sentence in section.ceilings:
            console.print(Text(sentence))
        console.print()
    if not sections:
        console.print(NO_ANSWERS)
        return
    legend = [*_legend(sections), *(f"* {note}" for note in _notes(sections)[:MAX_NOTES])]
    console.print(Text("\n".join(legend).replace("`", ""), style="dim"))
    if (left := len(_notes(sections)) - MAX_NOTES) > 0:
        console.print(Text(f"* {left} more in the report", style="dim"))


def sections_as_markdown(sections: Sequence[Section]) -> str:
    """Return the same in markdown: all sentences first, then the tables."""
    if not sections:
        return f"{NO_ANSWERS}\n"
    told = [_markdown_sentences(section) for section in sections if section.told]
    blocks = [*told, *map(_markdown_section, sections)]
    notes = [*_legend(sections), *(rf"\* {escape_markdown(note)}" for note in _notes(sections))]
    return "\n\n".join(blocks + notes) + "\n"


def _legend(sections: Sequence[Section]) -> list[str]:
    cells = [cell.text for section in sections for line in section.lines for cell in line.cells]
    at_most = [f"`at most`: {AT_MOST}"] if any("at most" in text for text in cells) else []
    return [LEGEND, *at_most, PROVEN, KERNELS, chance_sentence(sections)]


def _notes(sections: Iterable[Section]) -> list[str]:
    return [note for section in sections for note in section.notes]


def _rich_table(section: Section) -> Table:
    table = open_table(("efficient variant", *judged_columns()))
    previous = None
    for line in section.lines:
        if line.efficient != previous:
            table.add_row(Text(line.heading, style="bold"))
        # Said again for each comparison: a blank would look like nothing measured.
        for name in line.comparisons:
            cells = [Text(cell.text, CELL_STYLES.get(cell.verdict, "")) for cell in line.cells]
            table.add_row(below_heading(name), *cells)
        previous = line.efficient
    return table


def _markdown_sentences(section: Section) -> str:
    lines = [f"- {escape_markdown(sentence)}" for sentence in section.told]
    return "\n".join([f"**{escape_markdown(section.name)}**", "", *lines])


def _markdown_section(section: Section) -> str:
    names = ("efficient variant", "compared by", *judged_columns())
    rows = [
        (line.heading, "; ".join(line.comparisons), *(cell.text for cell in line.cells))
        for line in section.lines
    ]
    lines = [f"**{escape_markdown(section.title)}**", "", *markdown_table(names, rows)]
    for sentence in section.ceilings:
        lines += ["", escape_markdown(sentence)]
    return "\n".join(lines)
