"""Tables in markdown, whatever stands in their cells."""

from collections.abc import Iterable, Sequence


def escape_markdown(text: str) -> str:
    """Return a text that markdown shows as it is."""
    for character in "\\|*_<>`[]":
        text = text.replace(character, "\\" + character)
    return text


def markdown_row(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(escape_markdown(cell) for cell in cells) + " |"


def markdown_table(headings: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table."""
    return [markdown_row(headings), "|" + " --- |" * len(headings), *map(markdown_row, rows)]
