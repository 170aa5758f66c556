"""Files that appear whole or not at all."""

from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename: nobody ever sees half of it."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
