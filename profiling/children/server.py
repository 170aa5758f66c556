"""A fresh process per measurement, forked from a server that has the imports."""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import replace
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from profiling.children.outcome import Outcome

# The server imports this and with it torch, lightning and transformers, once (11 s here); it
# computes nothing and touches no device, so a fork of it is as good as a new interpreter.
PRELOAD = "profiling.children.entry"
GRACE_S = 1.0


def start_server() -> ForkServerContext:
    """Begin importing in the background; the first child waits for it."""
    root = str(Path(__file__).resolve().parents[2])
    # The server is a new interpreter: it finds our packages and the parent's through this alone.
    inherited = [root, *(path for path in sys.path if path)]
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(inherited)
    try:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOAD])
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def run_in_child(
    context: ForkServerContext, function: str, task: Any, timeout_s: float | None
) -> Outcome:
    """Call the function named "module:name" with `task` in a fresh child, and wait for it asleep.

    A waiting parent that spins takes a core from the child on a CPU, and doubles what it reads. A
    function may yield parts of a map: those are kept also when it fails or takes too long.
    """
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_main, args=(sender, function, task), daemon=True)
    process.start()
    sender.close()
    try:
        outcome = _await(process, receiver, timeout_s)
        process.join(GRACE_S)  # what libraries registered with the system is taken back at the end
        return outcome
    finally:
        if process.is_alive():
            process.kill()
        process.join()
        process.close()
        receiver.close()


def _await(process: ForkServerProcess, receiver: Connection, timeout_s: float | None) -> Outcome:
    parts: dict[str, Any] = {}
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not wait([receiver, process.sentinel], left):
            message = f"gave up after {timeout_s:g} s (`point_timeout_s`)"
            return Outcome("error", parts, message)
        try:
            received = receiver.recv()
        except EOFError:
            process.join()
            return Outcome("error", parts, _death(process.exitcode))
        if isinstance(received, Outcome):
            return replace(received, value=parts) if received.value is None else received
        parts |= received


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the measuring process was killed by {signal.Signals(-exit_code).name}"
    return f"the measuring process ended with exit status {exit_code}"


def _main(sender: Connection, function: str, task: Any) -> None:
    preloaded = "torch" in sys.modules
    guarded = import_module(PRELOAD).guarded

    sender.send(replace(guarded(function, task, sender.send), preloaded=preloaded))
    sender.close()
