"""What a child says: that it ended, and how, or that it hands its turn over."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from profiling.errors import SettingsError


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Args:
        kind: ok, oom, error (an exception or a crash) or mistake (something a user must change).
        value: What the child returned, or what it had yielded by the time it ended.
        message: What went wrong, for all kinds but ok.
        preloaded: The child was born with torch imported.
        seconds: How long it worked; where it took turns with others, its own turns alone.
        timed_out: It was an error that it took too long.
    """

    kind: Literal["ok", "oom", "error", "mistake"]
    value: Any = None
    message: str = ""
    preloaded: bool = True
    seconds: float = 0.0
    timed_out: bool = False

    def checked(self) -> Self:
        """Return it.

        Raises:
            SettingsError: The child found something that the user must change.
        """
        if self.kind == "mistake":
            raise SettingsError(self.message)
        return self


@dataclass(frozen=True)
class HandOver:
    """A child goes on later, and holds so much memory of the device while it waits."""

    held_gib: float
