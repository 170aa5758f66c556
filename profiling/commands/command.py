"""What every command of `profile.py` says of itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing_stays(_arguments: Any) -> str:
    return ""


@dataclass(frozen=True)
class Command:
    """One verb of the command line.

    Args:
        help: A few words for the list of commands.
        description: One sentence for the command's own help.
        add_arguments: Adds its settings to a parser of jsonargparse.
        run: Takes the parsed settings and returns the exit status.
        settings: Names that a misspelt setting is answered with.
        how_to_go_on: Takes the same settings and says how to go on where it was interrupted; empty
            where it begins anew.
        parses_plainly: Whether the standard library parses it, so that it runs also where
            jsonargparse is not installed.
    """

    help: str
    description: str
    add_arguments: Callable[[Any], None]
    run: Callable[[Any], int]
    settings: tuple[str, ...] = ()
    how_to_go_on: Callable[[Any], str] = _nothing_stays
    parses_plainly: bool = False


def plain(value: Any) -> Any:
    """Turn jsonargparse's namespaces into dictionaries."""
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value
