"""Samples that cannot be used, and files that are left out: how many, and why."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from datamodules.errors import BadSampleError, validate_choice
from datamodules.files.finding import Found

LeftOut = Mapping[str, Mapping[str, int]]
"""How many were left out, by reason and then by file ending, which is empty for what is no file."""

log = logging.getLogger(__name__)


def told_left_out(left_out: LeftOut) -> str:
    """Return how many were left out and why, as in `3 .m4a (other ending), 1 .wav (damaged)`."""
    return ", ".join(
        f"{count:,} {ending} ({reason})".replace("  ", " ")
        for reason, counts in left_out.items()
        for ending, count in counts.items()
    )


class BadSamples:
    """Stops at a sample that cannot be used, or skips it; counts all that is left out.

    Args:
        policy: `stop` or `skip`.
    """

    def __init__(self, policy: str) -> None:
        validate_choice("on_bad_sample", policy, ("stop", "skip"))
        self.policy = policy
        self.skipped: list[str] = []
        self._postponed: list[BadSampleError] | None = None
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._by_settings: set[tuple[Path, str]] = set()

    def handle(self, error: BadSampleError) -> None:
        """Raise the error, or note its message and warn of it, once.

        Raises:
            BadSampleError: The policy is `stop`; the message says how to go on.
        """
        if self.policy == "stop":
            raise BadSampleError(f"{error}; `on_bad_sample: skip` leaves it out") from error
        if self._postponed is not None:
            self._postponed.append(error)
        elif str(error) not in self.skipped:
            self.skip(str(error), error.reason, error.ending)
            warnings.warn(f"skipped: {error}", stacklevel=2)

    def postpone(self) -> list[BadSampleError]:
        """Return what was not handled since the last call, and handle nothing from now on.

        A process that loads for another one has a copy of this, which would warn once more, and
        count for nobody.
        """
        postponed, self._postponed = self._postponed or [], []
        return postponed

    def skip(self, message: str, reason: str, ending: str = "") -> None:
        """Note a sample that is left out whatever the policy is."""
        self.skipped.append(message)
        self._left_out[reason, ending] += 1

    def leave_out(self, files: Iterable[Path], reason: str) -> None:
        """Count files that a setting leaves out, each of them once."""
        for file in files:
            if (file, reason) not in self._by_settings:
                self._by_settings.add((file, reason))
                self._left_out[reason, file.suffix.lower()] += 1

    def take(self, found: Found, source: object) -> None:
        """Handle what could not be looked into, and say once which other files there are.

        Raises:
            BadSampleError: There was such a thing, and the policy is `stop`.
        """
        for problem in found.problems:
            self.handle(problem)
        self._left_out.update(found.left_out)
        if found.left_out:
            counted = sorted(found.left_out.items(), key=lambda item: (-item[1], item[0]))
            listed = ", ".join(f"{count} {ending} ({why})" for (why, ending), count in counted)
            log.warning("%s: %d files taken, left out: %s", source, len(found.files), listed)

    @property
    def left_out(self) -> LeftOut:
        """How many were left out until now, by reason and ending."""
        found: dict[str, dict[str, int]] = {}
        for (reason, ending), count in sorted(self._left_out.items()):
            found.setdefault(reason, {})[ending] = count
        return found

    @property
    def count_left_out(self) -> int:
        """How many were left out until now."""
        return self._left_out.total()
