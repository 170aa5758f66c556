"""A command line of the standard library alone, for a verb that must run everywhere."""

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn


class PlainParser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that answers a mistake in one sentence, exit status 2."""

    known_settings: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Print one sentence to stderr and exit with status 2."""
        print(f"error: {one_sentence(message, self.known_settings)}", file=sys.stderr)
        sys.exit(2)


def one_sentence(message: str, known: Iterable[str] = ()) -> str:
    """Rewrite a message of argparse: the setting in backticks, expected, got, choices."""
    if found := re.match(r"unrecognized arguments: -*([^\s=]+)", message):
        return f"`{found[1]}` is not a setting; choose one of: {', '.join(sorted(known))}"
    if found := re.match(r"argument -*(\S+?): invalid (\w+) value: (.*)", message):
        kind = {"float": "a number", "int": "a whole number"}.get(found[2], found[2])
        return f"`{_name(found[1])}` must be {kind}, got {found[3]}"
    if found := re.match(r"argument -*(\S+?): invalid choice: (\S+) \(choose from (.*)\)", message):
        choices = found[3].replace("'", "")
        return f"`{_name(found[1])}` has no {found[2]}; choose one of: {choices}"
    if found := re.match(r"argument -*(\S+?): (expected .*)", message):
        return f"`{_name(found[1])}`: {found[2]}, got none"
    if found := re.match(r"the following arguments are required: -*(\S+)", message):
        return f"`{_name(found[1])}` must be given"
    return message


def _name(option: str) -> str:
    return option.split("/")[0].lstrip("-").replace("-", "_").rstrip(":,")


def parse_plainly(command: Any, verb: str, arguments: list[str]) -> Any:
    """Return the settings of a command, without jsonargparse.

    Args:
        command: A `Command` whose arguments are of the standard library's kinds.
        verb: Its name.
        arguments: What follows the verb.
    """
    parser = PlainParser(f"profile.py {verb}", description=command.description, allow_abbrev=False)
    parser.known_settings = command.settings
    command.add_arguments(parser)
    return parser.parse_args(arguments)
