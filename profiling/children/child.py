"""A fresh process that works when it is its turn, forked from a server that has the imports."""

import math
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from typing import Any

from profiling.children.outcome import HandOver, Outcome

# The server imports this and with it torch, lightning and transformers, once (11 s here); it
# computes nothing and touches no device, so a fork of it is as good as a new interpreter.
PRELOAD = "profiling.children.entry"
GRACE_S = 1.0
# The system counts in milliseconds, and no further than 24 days.
LONGEST_WAIT_S = 1e6


class Child:
    """Calls a function named "module:name" in a fresh process, which starts at its first turn.

    A function may yield parts of a map: those are kept also when it fails or takes too long. One
    that takes turns gets a second argument: called with the GiB that it holds, it returns when
    the next turn comes.

    Args:
        context: Of the fork server.
        function: What is called.
        task: Its argument; None for none.
        timeout_s: The most seconds that it may work, all turns together; None for no limit.
        takes_turns: Whether the function takes turns.
    """

    def __init__(
        self,
        context: ForkServerContext,
        function: str,
        task: Any,
        timeout_s: float | None,
        takes_turns: bool = False,
    ) -> None:
        self.held_gib = 0.0
        self._timeout_s = timeout_s
        self._seconds = 0.0
        self._parts: dict[str, Any] = {}
        self._connection, theirs = context.Pipe()
        arguments = (theirs, function, task, takes_turns)
        self._process = context.Process(target=_main, args=arguments, daemon=True)
        self._theirs: Connection | None = theirs

    def work(self) -> Outcome | None:
        """Let it work, and wait for it asleep; return None where it handed over.

        A waiting parent that spins takes a core from the child on a CPU, and doubles what it reads.
        """
        began = time.monotonic()
        try:
            self._go_on()
            said = self._listen(began)
        finally:
            self._seconds += time.monotonic() - began
        if isinstance(said, HandOver):
            self.held_gib = said.held_gib
            return None
        # What libraries registered with the system is taken back at the end.
        self._process.join(GRACE_S)
        return replace(said, seconds=self._seconds)

    def close(self) -> None:
        """End it, wherever it is."""
        if self._process.pid is not None:
            if self._process.is_alive():
                self._process.kill()
            self._process.join()
            self._process.close()
        if self._theirs is not None:
            self._theirs.close()
        self._connection.close()

    def _go_on(self) -> None:
        if self._theirs is None:
            with suppress(BrokenPipeError):  # it died while it waited: `_listen` says how
                self._connection.send(None)
            return
        self._process.start()
        self._theirs.close()
        self._theirs = None

    def _listen(self, began: float) -> Outcome | HandOver:
        while True:
            left_s = self._left_s(began)
            if not wait([self._connection, self._process.sentinel], min(left_s, LONGEST_WAIT_S)):
                if left_s > LONGEST_WAIT_S:
                    continue
                message = f"gave up after {self._timeout_s:g} s (`point_timeout_s`)"
                return Outcome("error", self._parts, message, timed_out=True)
            try:
                said = self._connection.recv()
            except (EOFError, ConnectionResetError):
                self._process.join()
                return Outcome("error", self._parts, _death(self._process.exitcode))
            if isinstance(said, Outcome):
                return replace(said, value=self._parts) if said.value is None else said
            if isinstance(said, HandOver):
                return said
            self._parts |= said

    def _left_s(self, began: float) -> float:
        if self._timeout_s is None:
            return math.inf
        return max(0.0, self._timeout_s - self._seconds - (time.monotonic() - began))


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the measuring process was killed by {signal.Signals(-exit_code).name}"
    return f"the measuring process ended with exit status {exit_code}"


def _main(connection: Connection, function: str, task: Any, takes_turns: bool) -> None:
    preloaded = "torch" in sys.modules
    guarded = import_module(PRELOAD).guarded

    def hand_over(held_gib: float) -> None:
        connection.send(HandOver(held_gib))
        connection.recv()

    arguments = (() if task is None else (task,)) + ((hand_over,) if takes_turns else ())
    outcome = guarded(function, arguments, connection.send)
    with suppress(BrokenPipeError):  # the sweep was ended: nobody listens any more
        connection.send(replace(outcome, preloaded=preloaded))
    connection.close()
