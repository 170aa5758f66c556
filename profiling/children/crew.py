"""Children to send work to."""

from collections.abc import Sequence
from functools import cached_property, partial
from multiprocessing.context import ForkServerContext
from typing import Any

from profiling.children.child import Child
from profiling.children.outcome import Outcome
from profiling.children.server import run_in_child, start_server
from profiling.children.turns import take_turns


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
        return run_in_child(self._context, function, task, timeout_s).checked()

    def call_in_turns(
        self, calls: Sequence[tuple[str, Any]], timeout_s: float | None, room_gib: float
    ) -> list[Outcome]:
        """Call functions side by side, each in its child: only one works at any time.

        Args:
            calls: Functions, named "module:name", and their tasks; they take turns, see `Child`.
            timeout_s: The most seconds that each may work.
            room_gib: Memory of the device that those which wait may hold.

        Raises:
            SettingsError: A child found something that the user must change.
        """
        make = partial(Child, self._context, timeout_s=timeout_s, takes_turns=True)
        return take_turns([partial(make, *call) for call in calls], room_gib)

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
