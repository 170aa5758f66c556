"""Cases of a part, one after the other; one that fails is a row and not the end."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lightning_modules.kernel_choice import choose_arithmetic
from profiling.checking.parts import DeviceTask
from profiling.checking.time_box import Stopwatch
from profiling.errors import USER_ERRORS
from profiling.measuring.paths.capturing import is_spoilt
from profiling.measuring.process_limits import forget, is_out_of_memory

Case = tuple[str, Callable[[], dict[str, Any]]]
"""What it is called, and what finds the fields of its row; a field `wrong` says why it is wrong."""

Found = dict[str, dict[str, Any] | None]
"""The fields of a case by its name; None where the case is left to another process."""


class NotHereError(Exception):
    """A case cannot be tried here; the text says why."""


def run_cases(cases: Iterable[Case], task: DeviceTask) -> Iterator[Found]:
    """Yield the fields of each case that is asked for by its name.

    Those for which no time is left are `cut`; those behind a capture that broke are left to another
    process. All compute with the arithmetic of a sweep.
    """
    choose_arithmetic(tf32=False, cudnn_benchmark=False)
    watch = Stopwatch()
    for name, find in cases:
        if task.only and name not in task.only:
            continue
        if watch.seconds >= task.seconds:
            yield {name: {"status": "cut", "error": "no time was left"}}
        elif is_spoilt():
            yield {name: None}
        else:
            yield {name: _run(find)}
            if not is_spoilt():
                forget(task.scale.device)


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
