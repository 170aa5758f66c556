"""Files that appear whole or not at all."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

LONGEST_BYTES = 200  # of a name, to which something is added: usual file systems take 255


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name to write a file under, and rename it to `path` when all went well.

    The temporary file is in the same folder, and is hidden, of this process alone, and of the same
    ending, which some writers look at. If something goes wrong it is removed, and `path` stays as
    it was.

    Args:
        path: The file, whose folder must exist; one that is there is replaced.

    Yields:
        The temporary name.

    Raises:
        OSError: The folder does not exist or cannot be written.
    """
    stem, ending = path.stem, path.suffix
    if len(os.fsencode(path.name)) > LONGEST_BYTES:
        stem = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
        ending = ending if len(os.fsencode(ending)) < LONGEST_BYTES // 2 else ""
    # Of no other process, nor of one with the same number on another machine.
    temporary = path.with_name(f".{stem}.{uuid4().hex}{ending}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file of text in UTF-8, whole or not at all.

    Raises:
        OSError: The folder does not exist or cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
