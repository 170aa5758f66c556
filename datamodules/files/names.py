"""Files that hold names of other files, which may have bytes of any kind."""

from pathlib import Path

# Of a count; longer ones fit no file, nor 64 bits.
MOST_DIGITS = 15


def read_names(path: Path) -> str:
    """Read a file of names as it is: no line end is changed, bytes that are no UTF-8 are kept.

    Such bytes become lone surrogates, as in the file names that Python lists, so that the names
    are equal.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no text.
    """
    content = path.read_bytes()
    if b"\0" in content:
        raise ValueError("it is no text")
    return content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def split_line(line: str) -> tuple[str, int] | None:
    """Return name and count of a line `name<TAB>count`, or None where it is none.

    White space behind the count is left out; a name may have tabs.
    """
    name, _, count = line.rstrip(" \t\r").rpartition("\t")
    is_count = count.isascii() and count.isdigit() and len(count) <= MOST_DIGITS
    return (name, int(count)) if name and is_count else None
