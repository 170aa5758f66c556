"""The command line of `profile.py`: which verb runs what."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from datamodules.nesting import guarded
from profiling.class_names import MEASURED_DATA
from profiling.commands.advise import ADVISE
from profiling.commands.command import Command, plain
from profiling.commands.compare import COMPARE
from profiling.commands.data_settings import (
    place_of,
    set_in_block,
    split_data_settings,
    with_full_paths,
)
from profiling.commands.gpu_check import GPU_CHECK
from profiling.commands.lengths import LENGTHS
from profiling.commands.plain_parser import parse_plainly
from profiling.commands.report import REPORT
from profiling.commands.sweep import SWEEP
from profiling.errors import USER_ERRORS, refuse_undecodable

if TYPE_CHECKING:
    from profiling.arguments import OneSentenceParser

UNREAD = 141  # what a shell says of a process that SIGPIPE ended
MODE = "yaml_with_class_names"  # of our own, beside those that jsonargparse knows
DESCRIPTION = "From which input length on does efficient self-attention beat the plain one?"
COMMANDS: dict[str, Command] = {
    "sweep": SWEEP,
    "report": REPORT,
    "compare": COMPARE,
    "lengths": LENGTHS,
    "advise": ADVISE,
    "gpu-check": GPU_CHECK,
}


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as schedulers and `kill` do."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        return _end_unread()
    except SystemExit as ended:  # rich has a status of its own where nobody reads what it prints
        if isinstance(ended.__context__, BrokenPipeError):
            return _end_unread()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: Sequence[str]) -> int:
    """Run one command and write out all that it printed; return its exit status."""
    how_to_go_on = ""
    try:
        command, settings = _command_of(given)
        how_to_go_on = command.how_to_go_on(settings)
        status = command.run(settings)
    except USER_ERRORS as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as ended:
        print("; ".join(["interrupted", *filter(None, [how_to_go_on])]), file=sys.stderr)
        return 143 if isinstance(ended, Terminated) else 130
    except SystemExit:  # of `--help`
        _write_out()
        raise
    _write_out()
    return status


def _write_out() -> None:
    """Write out what was printed: at the end of the process nobody can catch what that meets."""
    print(end="", flush=True)


def _end_unread() -> int:
    """Let what is left of the output go nowhere; return the status of who is read no longer."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return UNREAD


def _command_of(given: Sequence[str]) -> tuple[Command, Any]:
    """Return the command that is called, and its settings."""
    if given and given[0] in COMMANDS and COMMANDS[given[0]].parses_plainly:
        refuse_undecodable(given)
        command = COMMANDS[given[0]]
        return command, parse_plainly(command, given[0], list(given[1:]))
    parsed = parse(given)
    return COMMANDS[parsed.command], parsed[parsed.command]


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def parse(arguments: Sequence[str]) -> Any:
    """Return the command and its settings, those of data blocks merged into them.

    Raises:
        SettingsError: A setting belongs to a data block that is not there.
    """
    refuse_undecodable(arguments)
    arguments, data_settings = split_data_settings(arguments)
    parsed = build_parser().parse_args(arguments)
    chosen = parsed[parsed.command]
    known = COMMANDS[parsed.command].settings
    for modality, name, value in data_settings:
        place = place_of(chosen, modality, name, known)
        place["data"] = set_in_block(plain(place["data"]), name, value)
    return parsed


def build_parser() -> "OneSentenceParser":
    """Return the parser of all commands.

    Raises:
        DataError: The library that parses is missing.
    """
    from profiling.arguments import OneSentenceParser

    _expand_class_names()
    parser = OneSentenceParser(prog="profile.py", description=DESCRIPTION, parser_mode=MODE)
    parser.known_verbs = tuple(COMMANDS)
    verbs = parser.add_subcommands(dest="command")
    for name, command in COMMANDS.items():
        of_command = OneSentenceParser(description=command.description, parser_mode=MODE)
        of_command.known_settings = command.settings
        of_command.known_classes = MEASURED_DATA
        command.add_arguments(of_command)
        verbs.add_subcommand(name, of_command, help=command.help)
    return parser


def _expand_class_names() -> None:
    """Let settings be read as YAML in which our classes go by their names alone."""
    from jsonargparse import get_loader, set_loader
    from yaml import YAMLError

    load = get_loader("yaml")
    set_loader(MODE, guarded(lambda text: with_full_paths(load(text))), (YAMLError,))
