"""What the experiments on spoken digits share: arguments, a seed per core, where results go."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.digits.running import silence_lightning
from benchmarks.digits.side_by_side import run_side_by_side
from benchmarks.keeping import RESULTS, made_folder
from profiling.errors import USER_ERRORS

Name = TypeVar("Name", int, str)


def make_parser(about: str, out: str, seeds: Sequence[int]) -> argparse.ArgumentParser:
    """Return a parser of the arguments that every experiment has.

    Args:
        about: What `--help` says of the experiment.
        out: The default of `--out`.
        seeds: The default of `--seeds`.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--recordings", required=True, help="folder of digit_speaker_take.wav")
    parser.add_argument("--out", type=Path, default=Path(out), help="run directory")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(seeds))
    parser.add_argument(
        "--steps",
        type=float,
        default=1.0,
        help="share of all training steps; the results of a trial stay in OUT, which should be new",
    )
    parser.add_argument(
        "--results",
        type=made_folder,
        help="folder for the results; by default those of this repository are replaced",
    )
    return parser


def start(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace, list[str]], None]
) -> None:
    """Read the command line and run an experiment; what the user must mend ends it in a sentence.

    Args:
        parser: Of the experiment.
        run: Gets the arguments, and the command itself, with which a process of its own is started.
    """
    given = parser.parse_args()
    command, sys.argv = sys.argv, sys.argv[:1]  # Lightning's command line would read the rest
    silence_lightning()
    try:
        run(given, command)
    except USER_ERRORS as problem:
        parser.error(str(problem))


def run_each(names: Sequence[Name], run: Callable[[Name], None], command: Sequence[str]) -> None:
    """Run every seed or fold: side by side where there are several, and several cores.

    Args:
        names: Of seeds or folds, in the order in which they begin.
        run: Runs one in this process.
        command: Runs one in a process of its own, once its name is put behind. Where an option
            comes twice, the last one counts.
    """
    if len(names) > 1 and len(os.sched_getaffinity(0)) > 1:
        if status := run_side_by_side(command, names):
            sys.exit(status)
    else:
        for name in names:
            run(name)


def results_of(given: argparse.Namespace, is_whole: bool = True) -> Path:
    """Return where results go: where the user says, else those of a trial stay where it ran.

    Args:
        given: The arguments, of which fewer steps than all make a trial.
        is_whole: Whether nothing else makes it one.
    """
    usual = RESULTS if given.steps == 1.0 and is_whole else given.out
    folder: Path = given.results or usual
    return folder
