"""Files and folders that are complete or not there: they have a temporary name while written."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

LONGEST_BYTES = 200  # of a name, to which something is added: usual file systems take 255


@contextmanager
def whole_file(path: str | Path, called: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there gets its name in the end.

    After an error the temporary file is removed, and what `path` held before stays.

    Args:
        path: The file to write; its folder is made if need be.
        called: What the temporary name begins with, if not with the name of the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Machines that share the folder may write the same file at once.
    unfinished = path.with_name(_unfinished_name(called or path.name, f"{uuid4().hex}.partial"))
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`, which takes the place of `path` in the end.

    After an error the temporary folder is removed, and what `path` held before stays.

    Args:
        path: The folder to write; the one around it is made if need be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=_unfinished_name(path.name, ""), dir=path.parent
    ) as temporary:
        whole = Path(temporary, "whole")
        whole.mkdir()
        yield whole
        if path.exists():
            os.replace(path, Path(temporary, "replaced"))
        os.replace(whole, path)


def _unfinished_name(name: str, ending: str) -> str:
    """Return a hidden name, no longer than a file system takes, of this file alone."""
    given = os.fsencode(name)
    if len(given) > LONGEST_BYTES:
        name = hashlib.sha256(given).hexdigest()[:16]
    return f".{name}.{ending}"
