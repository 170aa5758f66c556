"""The server that children are forked from: it has the imports."""

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from profiling.children.child import PRELOAD, Child
from profiling.children.outcome import Outcome

# Torch reads it when it is imported: otherwise every child that compiles for a GPU starts further
# processes, which live on beside the steps that it times.
ALONE = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}


def start_server() -> ForkServerContext:
    """Begin importing in the background; the first child waits for it."""
    root = str(Path(__file__).resolve().parents[2])
    # The server is a new interpreter: it finds our packages and the parent's through this alone.
    inherited = [root, *(path for path in sys.path if path)]
    with patch.dict(os.environ, ALONE, PYTHONPATH=os.pathsep.join(inherited)):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOAD])
        forkserver.ensure_running()
    return context


def run_in_child(
    context: ForkServerContext, function: str, task: Any, timeout_s: float | None
) -> Outcome:
    """Call the function named "module:name" with `task` in a fresh child, and wait for it asleep.

    A function may yield parts of a map: those are kept also when it fails or takes too long.
    """
    child = Child(context, function, task, timeout_s)
    try:
        outcome = child.work()
        assert outcome is not None  # it was not told how to hand over
        return outcome
    finally:
        child.close()
