"""Damaged files: `python benchmarks/inputs/damaged_files.py [--files 1000]`.

Files of every kind that this project reads are damaged at random, and read as the project reads
them, each kind in processes of its own. Every file must be read, or refused in one sentence, soon
and in little memory. The table counts what else happened. A minute on two cores.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from benchmarks.inputs.damaged_kinds import KINDS, Kind, damage
from benchmarks.keeping import add_about, add_out, keep
from benchmarks.mistakes import in_one_sentence
from datamodules.errors import DataError, validate_minimum

TIMEOUT_S = 20.0
MOST_MIB = 256.0  # that one file of some kilobytes may add to what the process holds


@dataclass
class Account:
    """What became of the files of a kind.

    Attributes:
        kind: Its name.
        outcomes: How many were `read`, `refused`, or something that must not be: `raised`,
            `crashed`, `hung`, `large`.
        faults: An example of each of the latter, by its sentence, with its place in the order.
        slowest_s: Seconds of the slowest file.
        largest_mib: The most memory that one file added.
    """

    kind: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    largest_mib: float = 0.0

    def add(self, place: int, outcome: str, said: str, seconds: float, mib: float) -> None:
        """Count one file."""
        if outcome in ("read", "refused") and mib > MOST_MIB:
            outcome, said = "large", f"{mib:.0f} MiB"
        self.outcomes[outcome] += 1
        if outcome not in ("read", "refused"):
            self.faults.setdefault(f"{outcome}: {said}", place)
        self.slowest_s = max(self.slowest_s, seconds)
        self.largest_mib = max(self.largest_mib, mib)


def examine(kind: Kind, content: bytes, folder: Path) -> tuple[str, str]:
    """Read one file; return what became of it, and what was said."""
    path = folder / kind.file
    path.write_bytes(content)
    try:
        kind.read(path)
    except DataError as refusal:
        said = str(refusal)
        return ("raised", f"more than a line: {said!r}") if "\n" in said else ("refused", said)
    except Exception as problem:
        return "raised", f"{type(problem).__name__}: {problem}"[:200]
    return "read", ""


def damaged(kind: Kind, count: int, seed: int = 0) -> list[bytes]:
    """Return so many damaged files, always the same ones."""
    content = kind.make()
    return [damage(content, np.random.default_rng([seed, place])) for place in range(count)]


def _examine_some(kind: Kind, files: list[bytes], first: int, sender: Connection) -> None:
    with TemporaryDirectory() as folder:
        for place in range(first, len(files)):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.perf_counter()
            outcome, said = examine(kind, files[place], Path(folder))
            seconds = time.perf_counter() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            sender.send((place, outcome, said, seconds, grown))
    sender.close()


def account_of(kind: Kind, count: int) -> Account:
    """Examine the damaged files of a kind; a process that dies or hangs costs one of them."""
    account, files, place = Account(kind.name), damaged(kind, count), 0
    context = multiprocessing.get_context("fork")
    while place < count:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_examine_some, args=(kind, files, place, sender))
        child.start()
        sender.close()
        while place < count:
            try:
                if not receiver.poll(TIMEOUT_S):
                    account.add(place, "hung", f"{TIMEOUT_S:g} s", TIMEOUT_S, 0.0)
                    place += 1
                    break
                account.add(*receiver.recv())
            except EOFError:
                child.join()
                account.add(place, "crashed", f"exit status {child.exitcode}", 0.0, 0.0)
                place += 1
                break
            place += 1
        child.kill()
        child.join()
        receiver.close()
    return account


def as_markdown(accounts: list[Account], about: str) -> str:
    """Return the table."""
    lines = [
        "# Damaged files",
        "",
        about,
        "",
        "| kind | read | refused in a sentence | anything else | slowest | most memory |",
        "|---|---|---|---|---|---|",
    ]
    for one in accounts:
        read, refused = (one.outcomes[name] for name in ("read", "refused"))
        others = one.outcomes.total() - read - refused
        lines.append(
            f"| {one.kind} | {read:,} | {refused:,} | {others} | {one.slowest_s:.2f} s | "
            f"{one.largest_mib:.0f} MiB |"
        )
    faults = [
        f"- {one.kind}, file {place}: `{said}`"
        for one in accounts
        for said, place in one.faults.items()
    ]
    return "\n".join([*lines, "", *faults]).rstrip() + "\n"


@in_one_sentence
def main(words: list[str] | None = None) -> None:
    """Damage and read the files, keep the table where it is of all kinds, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000, help="damaged files of each kind")
    names = [kind.name for kind in KINDS]
    parser.add_argument(
        "--kinds", nargs="+", default=None, choices=names, help="only these, printed alone"
    )
    add_about(parser)
    add_out(parser)
    given = parser.parse_args(words)
    validate_minimum("files", given.files, 1)
    accounts = []
    for kind in KINDS:
        if given.kinds is None or kind.name in given.kinds:
            accounts.append(account_of(kind, given.files))
            print(accounts[-1], file=sys.stderr, flush=True)
    text = as_markdown(accounts, f"{given.about}. {given.files} files of each kind.")
    if given.kinds is None:
        keep(given.out, "damaged_files", text, [vars(one) for one in accounts])
    print(text)


if __name__ == "__main__":
    sys.exit(main())
