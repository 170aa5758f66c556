"""Files that hold names of other files, which may have bytes of any kind."""

from pathlib import Path


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
