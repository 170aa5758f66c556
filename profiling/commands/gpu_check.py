"""`profile.py gpu-check`: everything that one GPU can tell in eight minutes, into one archive."""

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from datamodules.counted import counted
from datamodules.nesting import LARGEST_INTEGER
from profiling.checking.archive import LOG, ROWS, SWEEP
from profiling.checking.parts import WHOLE_S
from profiling.checking.scale import Scale, full, tiny
from profiling.children.crew import Children
from profiling.commands.command import Command
from profiling.commands.report import answer
from profiling.errors import SettingsError
from profiling.planning.assumed_devices import ASSUMED, find_assumed
from profiling.rows.files import writing

DEVICES = ("cpu", "cuda")


def run(arguments: Any) -> int:
    """Check, or only say what there is to do; exit status 1 where a part failed."""
    # Imported here: the other commands do not wait for it.
    from profiling.checking.check import Check
    from profiling.checking.outlook import describe_check

    scale = _read_scale(arguments)
    if arguments.dry_run:
        name = arguments.assume_device
        assumed = find_assumed(name) if name is not None else None
        print(describe_check(scale, arguments.seconds, assumed))
        return 0
    _refuse(arguments)
    if scale.device == "cuda":
        _refuse_without_gpu()
    folder = Path(arguments.out)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_other_sweep(folder)
        with _logged(folder / LOG):
            check = Check(scale, folder, arguments.seconds, arguments.commit, _report)
            archive = check.run()
    failures, cuts = check.rows.count("failed"), check.rows.count("cut")
    print(
        f"{counted(len(check.rows.rows), 'row')}, {failures} failed, {cuts} cut. Archive: {archive}"
    )
    return 1 if failures else 0


def _report(run_directory: Path) -> None:
    answer(run_directory, rebuild=True)


def _read_scale(arguments: Any) -> Scale:
    if arguments.seconds <= 0:
        raise SettingsError(f"`seconds` must be above zero, got {arguments.seconds:g}")
    if not arguments.seconds <= LARGEST_INTEGER:  # which NaN is not
        raise SettingsError(
            f"`seconds` must be a finite number of at most {LARGEST_INTEGER:,}, "
            f"got {arguments.seconds}"
        )
    if arguments.tiny:
        return tiny(arguments.device or "cpu")
    if arguments.device == "cpu":
        raise SettingsError("`device` cpu needs `tiny`: the whole check would take a CPU hours")
    return full()


def _refuse(arguments: Any) -> None:
    if arguments.assume_device is not None:
        raise SettingsError(
            "`assume_device` needs `dry_run`: a GPU that is not here cannot be measured"
        )
    if not arguments.out:
        raise SettingsError("`out` must be given: a folder for the archive and what is in it")


def _refuse_other_sweep(folder: Path) -> None:
    """Refuse a folder with a sweep that no check has made: a check begins its own one anew."""
    if (folder / SWEEP).exists() and not (folder / ROWS).exists():
        raise SettingsError(
            f"`out` must be a folder without a `{SWEEP}` that another command has made, got "
            f"{folder}: choose another folder"
        )


def _refuse_without_gpu() -> None:
    """Say it at once, and not in every part."""
    try:
        Children().ask("profiling.measuring.tasks:describe_cuda", None)
    except SettingsError as problem:
        raise SettingsError(
            f"{problem}; `tiny` runs every part in small on a CPU, `dry_run` says what would run"
        ) from problem


class _Both(io.TextIOBase):
    """Writes to a stream and to a file."""

    def __init__(self, stream: TextIO, file: TextIO) -> None:
        self._stream, self._file = stream, file

    def write(self, text: str) -> int:
        self._file.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._file.flush()
        self._stream.flush()


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Keep what is said, too."""
    with (
        path.open("w", encoding="utf-8") as file,
        contextlib.redirect_stdout(_Both(sys.stdout, file)),
        contextlib.redirect_stderr(_Both(sys.stderr, file)),
    ):
        yield


def add_arguments(parser: Any) -> None:
    """Add where everything goes, how long it may take, and how large it is."""
    add = parser.add_argument
    add("--out", type=str, default=None, help="folder for the archive and what is in it")
    add("--seconds", type=float, default=WHOLE_S, help="time for all parts; what is left is cut")
    add("--tiny", action="store_true", help="run every part in small, on a CPU, as a trial")
    add("--device", choices=DEVICES, default=None, help="default: cuda; with tiny: cpu")
    add("--dry-run", "--dry_run", action="store_true", help="only say what would run")
    names = ", ".join(sorted(ASSUMED))
    assumed = f"with dry_run: estimate for a GPU that is not here ({names})"
    add("--assume-device", "--assume_device", default=None, help=assumed)
    add("--commit", type=str, default=None, help="commit that runs, if no .git tells it")


GPU_CHECK = Command(
    help="test and measure everything that one GPU can tell in 8 minutes",
    description="Test the kernels and measure on a GPU, in a given time, into one archive.",
    add_arguments=add_arguments,
    run=run,
    settings=("assume_device", "commit", "device", "dry_run", "out", "seconds", "tiny"),
    parses_plainly=True,
)
