"""Tables of the terminal: where it is narrow, lines break and nothing is cut."""

from collections.abc import Iterable

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

INDENT = 2


def open_table(headings: Iterable[str]) -> Table:
    """Return a table without lines yet, of which the widest columns give way first."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        # Said, since a word that is longer than its column would otherwise end in an ellipsis.
        table.add_column(heading, overflow="fold")
    return table


def below_heading(text: str) -> Padding:
    """Return a cell that belongs to the heading above it: all of its lines are indented."""
    return Padding(Text(text), (0, 0, 0, INDENT))
