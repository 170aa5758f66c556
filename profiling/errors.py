"""What a user can cause: one class to raise it, one tuple to catch it."""

import re
import sys
from collections.abc import Iterable

from datamodules.errors import DataError, shown
from lightning_modules.errors import ModelError


class SettingsError(ValueError):
    """A setting, file or directory that the user must change; the text is one sentence."""


USER_ERRORS = (SettingsError, DataError, ModelError)
ON_WINDOWS = (
    "the system must be Linux or macOS, got Windows: there the Windows Subsystem for Linux will do"
)


def find_mistake(problem: BaseException | None) -> str | None:
    """Return what the user caused, in one sentence; None when the problem is none of theirs.

    jsonargparse wraps what a class says of its arguments, and loader processes put a traceback
    around what a reader says of a sample.
    """
    while problem is not None and not isinstance(problem, USER_ERRORS):
        problem = problem.__cause__ or problem.__context__
    if problem is None:
        return None
    lines = str(problem).strip().splitlines()
    return re.sub(r"^[\w.]+Error: ", "", lines[-1]) if len(lines) > 1 else str(problem)


def refuse_undecodable(arguments: Iterable[str]) -> None:
    """Refuse arguments that no file of settings could hold.

    Raises:
        SettingsError: One has bytes that are no UTF-8.
    """
    for argument in arguments:
        if argument != argument.encode("utf-8", "replace").decode():
            raise SettingsError(
                f"every argument must be text in UTF-8, got {shown(argument)}: give such a file or "
                "folder a link of another name"
            )


def refuse_windows() -> None:
    """End this process where it runs on Windows, before what is missing there is imported.

    Raises:
        SystemExit: It does; stderr has one sentence, and the status is 2.
    """
    if sys.platform == "win32":
        print(f"error: {ON_WINDOWS}", file=sys.stderr)
        raise SystemExit(2)
