"""How a command of `train.py` that did not come to its end says so, and with which status."""

import sys

from lightning.pytorch.utilities.exceptions import SIGTERMException

from lightning_modules.training.trainer_mistakes import find_trainer_mistake
from profiling.errors import find_mistake

HOW_TO_GO_ON = {
    "fit": "`--ckpt_path last` goes on from the last checkpoint, if one was saved",
    "labels": "the same command goes on from here",
}


def status_of(problem: BaseException, verb: str) -> int | None:
    """Say in one sentence what ended a command; return its status.

    Returns:
        None where nobody asked it to end, and it is no mistake of the user either: nothing is said.
    """
    status = _status_if_asked(problem, verb)
    if status is None and isinstance(problem, Exception):
        return _status_of_mistake(problem)
    return status


def _status_if_asked(problem: BaseException | None, verb: str) -> int | None:
    """Return what a shell says of the signal, whatever broke because of it."""
    while problem is not None:
        if isinstance(problem, SIGTERMException):
            said = ["interrupted", *filter(None, [HOW_TO_GO_ON.get(verb)])]
            print("; ".join(said), file=sys.stderr)
            return 143
        if isinstance(problem, KeyboardInterrupt):  # Lightning says it itself
            return 130
        problem = problem.__cause__ or problem.__context__
    return None


def _status_of_mistake(problem: Exception) -> int | None:
    mistake = find_mistake(problem) or find_trainer_mistake(problem)
    if isinstance(problem, OSError) and problem.filename is not None:
        mistake = f"`{problem.filename}` cannot be used: {problem.strerror}"
    if mistake is None:
        return None
    print(f"error: {mistake}", file=sys.stderr)
    return 2
