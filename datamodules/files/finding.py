"""Finding what a setting names, and the files of a folder."""

import contextlib
import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from datamodules.errors import BadSampleError, DataError, opening, reason_of, shown

OTHER_ENDING = "other ending"
NO_ENDING = "without an ending"


def find_place(name: str, setting: str = "source") -> Path:
    """Return the path that a setting names, whether there is something or not.

    Args:
        name: The path; `~` is the home folder.
        setting: What messages call it.

    Raises:
        DataError: One may not look whether it is there, or nobody has such a home folder.
    """
    with opening(f"`{setting}` {shown(name)}"):
        path = Path(name).expanduser()
        # Whoever needs it says in words of their own that nothing is there.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    return path


def resolve_source(source: str, setting: str = "source") -> Path:
    """Return the path of a source that must be on this machine.

    Args:
        source: The path.
        setting: What messages call it.

    Raises:
        DataError: It is empty: that would be the folder a command is run in; or as `find_place`.
    """
    if not source.strip():
        raise DataError(f"`{setting}` must be a path, got an empty one")
    return find_place(source, setting)


@dataclass
class Found:
    """What is under a folder.

    Attributes:
        files: Those that were looked for, sorted; a link that leads nowhere is one of them, so
            that reading it says so.
        left_out: How many others there are, by reason and ending.
        problems: What could not be looked into.
    """

    files: list[Path] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[BadSampleError] = field(default_factory=list)


def find_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files under a folder with one of these endings, as `survey` finds them."""
    return survey(folder, suffixes).files


def survey(folder: Path, suffixes: tuple[str, ...]) -> Found:
    """Look at all files under a folder.

    A link to a folder elsewhere is followed. A link to one that is looked into anyway is not: it
    would rename what is there. Names that begin with a dot are left out: they are other programs'.
    The order is that of the names, whatever that on the disk is.

    Args:
        folder: The folder.
        suffixes: The endings that are looked for, in lower case.

    Raises:
        DataError: There is no such file.
    """
    found = Found()
    seen: set[str] = set()
    root = os.path.realpath(folder)

    def note(error: OSError) -> None:
        message = f"folder {shown(error.filename)} cannot be read: {reason_of(error)}"
        found.problems.append(BadSampleError(message, "folder that cannot be read"))

    for place, folders, names in os.walk(folder, followlinks=True, onerror=note):
        real = os.path.realpath(place)
        if real in seen:  # of two links to a folder elsewhere, the second one
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if _is_looked_into(Path(place, name), root))
        for name in names:
            _sort_in(Path(place, name), suffixes, found)
    if not found.files:
        counted = sorted(found.left_out.items())
        listed = ", ".join(f"{count} {ending}" for (_, ending), count in counted)
        raise (
            found.problems[0]
            if found.problems
            else DataError(
                f"`source` {shown(folder)} holds no files ending in {', '.join(suffixes)}"
                + (f", got {listed}" if listed else "")
            )
        )
    found.files.sort()
    return found


def _is_looked_into(folder: Path, root: str) -> bool:
    """Return whether a folder below the root, or what a link there leads to, is looked into."""
    if folder.name.startswith(".") or not os.path.islink(folder):
        return not folder.name.startswith(".")
    target = Path(os.path.realpath(folder))
    if not target.is_relative_to(root):
        return True
    # Without the link nobody would see what lies in a hidden folder.
    return any(part.startswith(".") for part in target.relative_to(root).parts)


def _sort_in(path: Path, suffixes: tuple[str, ...], found: Found) -> None:
    """Add a file to those that are looked for, or count it among the others."""
    ending = shown(path.suffix.lower())
    if path.name.startswith("."):
        found.left_out["hidden", ending or NO_ENDING] += 1
    elif ending not in suffixes:
        found.left_out[OTHER_ENDING, ending or NO_ENDING] += 1
    elif not _can_be_opened(path):
        found.left_out["not a file", ending] += 1
    else:
        found.files.append(path)


def _can_be_opened(path: Path) -> bool:
    """Return whether it is a file, or nobody knows: opening a pipe would wait for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
