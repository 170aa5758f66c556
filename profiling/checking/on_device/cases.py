"""Cases of a part, one after the other; one that fails is a row and not the end."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from profiling.errors import USER_ERRORS
from profiling.measuring.process_limits import forget, is_out_of_memory

Case = tuple[str, Callable[[], dict[str, Any]]]
"""What it is called, and what finds the fields of its row; a field `wrong` says why it is wrong."""


class NotHereError(Exception):
    """A case cannot be tried here; the text says why."""


def run_cases(
    cases: Iterable[Case], seconds: float, device: str
) -> Iterator[dict[str, dict[str, Any]]]:
    """Yield the fields of each case by its name; those for which no time is left as `cut`."""
    began = time.monotonic()
    for name, find in cases:
        left = seconds - (time.monotonic() - began)
        yield {name: _run(find) if left > 0 else {"status": "cut", "error": "no time was left"}}
        if left > 0:
            forget(device)


def _run(find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        found = find()
    except NotHereError as reason:
        return {"status": "skipped", "error": str(reason)}
    except USER_ERRORS as reason:  # a kernel says that it cannot run here
        return {"status": "skipped", "error": str(reason)}
    except Exception as problem:  # whatever it is, the other cases go on
        status = "oom" if is_out_of_memory(problem) else "failed"
        return {"status": status, "error": f"{type(problem).__name__}: {problem}"[:300]}
    wrong = found.pop("wrong", None)
    return {"status": "failed" if wrong else "ok", "error": wrong} | found
