"""Children to send work to, one after the other."""

from functools import cached_property
from multiprocessing.context import ForkServerContext
from typing import Any

from profiling.children.outcome import Outcome
from profiling.children.server import run_in_child, start_server
from profiling.errors import SettingsError


class Children:
    """Calls functions in fresh children of one fork server, which starts at the first call."""

    @cached_property
    def _context(self) -> ForkServerContext:
        return start_server()

    def call(self, function: str, task: Any, timeout_s: float | None) -> Outcome:
        """Call the function named "module:name" and return how it ended.

        Raises:
            SettingsError: The child found something that the user must change.
        """
        outcome = run_in_child(self._context, function, task, timeout_s)
        if outcome.kind == "mistake":
            raise SettingsError(outcome.message)
        return outcome

    def ask(self, function: str, task: Any) -> Any:
        """Return what a function that measures nothing returns, however long it takes.

        Raises:
            SettingsError: The child found something that the user must change.
            RuntimeError: The function failed.
        """
        outcome = self.call(function, task, None)
        if outcome.kind != "ok":
            raise RuntimeError(outcome.message)
        return outcome.value
