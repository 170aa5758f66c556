"""What draws the charts, packed: plotly's script and their data are most of a page."""

from base64 import b64encode
from functools import cache
from gzip import compress


@cache
def packed_plotly() -> str | None:
    """Return plotly's script, gzipped and in base 64; None where plotly is not installed.

    It is 5 MB as it comes, and 2 MB so. Every browser since 2023 unpacks it by itself, from a file
    as well.
    """
    # Imported here: the terminal's table needs none of its 100 ms.
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        return None
    return pack(get_plotlyjs())


def pack(text: str) -> str:
    """Return a text gzipped and in base 64."""
    # Without a time in it: the same page twice is the same file.
    return b64encode(compress(text.encode(), compresslevel=9, mtime=0)).decode()
