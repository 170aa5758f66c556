"""How a benchmark ends where the user must mend something: in one sentence, as `profile.py`."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from profiling.errors import USER_ERRORS

Given = ParamSpec("Given")


def in_one_sentence(main: Callable[Given, int | None]) -> Callable[Given, int]:
    """Let the main function of a benchmark return its exit status, 2 where the user must mend.

    The sentence is on stderr. Any other exception keeps its traceback.
    """

    @wraps(main)
    def told(*arguments: Given.args, **named: Given.kwargs) -> int:
        try:
            return main(*arguments, **named) or 0
        except USER_ERRORS as mistake:
            print(f"error: {mistake}", file=sys.stderr)
            return 2

    return told
