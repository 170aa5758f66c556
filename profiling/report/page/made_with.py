"""With which settings a page was made: what the next command asks before it points to the page."""

from pathlib import Path

from markupsafe import Markup

HEAD = 10_000  # characters of a page that hold the line
LINE = Markup('<meta name="made-with" content="{}">')


def line_of(settings: str) -> Markup:
    """Return the line in the head of a page that tells its settings; empty as a sweep makes it."""
    return LINE.format(settings)


def is_made_with(page: Path, settings: str) -> bool:
    """Tell whether a page that is there was made with these settings."""
    with page.open(encoding="utf-8") as file:
        return line_of(settings) in file.read(HEAD)
