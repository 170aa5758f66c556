"""How a measuring child ended."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Args:
        kind: ok, oom, error (an exception or a crash) or mistake (something a user must change).
        value: What the child returned, or what it had yielded by the time it ended.
        message: What went wrong, for all kinds but ok.
        preloaded: The child was born with torch imported.
    """

    kind: Literal["ok", "oom", "error", "mistake"]
    value: Any = None
    message: str = ""
    preloaded: bool = True
