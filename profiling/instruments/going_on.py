"""What only watches must never end what it watches: a failure is said once, and left out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("profiling.callback")


class GoingOn:
    """Lets parts of a measurement fail; each kind of failure is said once, in the log."""

    def __init__(self) -> None:
        """Nothing has been said so far."""
        self._said: set[str] = set()

    @contextmanager
    def without(self, what: str) -> Iterator[None]:
        """Go on without `what`, named in the plural, when it raises."""
        try:
            yield
        except Exception as problem:
            self.say(what, f"`ProfilingCallback` leaves out {what}: {problem}")

    def say(self, what: str, sentence: str) -> None:
        """Say a sentence about `what`, the first time."""
        if what not in self._said:
            self._said.add(what)
            log.warning(sentence)
