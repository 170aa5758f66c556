"""The searches of a sweep's frontier, one after the other, each try in a fresh child."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from profiling.children.crew import Children
from profiling.children.outcome import Outcome
from profiling.errors import SettingsError
from profiling.planning.frontier import Search, searches_of
from profiling.planning.points import Point
from profiling.rows.columns import Row
from profiling.rows.frontier import TIME_LIMITS, frontier_rows
from profiling.rows.machine import free_memory_gib
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping.frontier import find_border
from profiling.sweeping.progress import Progress
from profiling.sweeping.tries import Border, Limits, Try

STEPS = "profiling.measuring.frontier_step:make_whole_steps"
FREE_CUDA = "profiling.measuring.tasks:free_cuda_gib"


def searches_of_part(every: Sequence[Point], mine: Sequence[Point]) -> list[Search]:
    """Return the searches of one shard: those that belong to one of its points.

    Args:
        every: The points of the whole sweep.
        mine: Those of the shard.
    """
    keys = {point.key for point in mine}
    return [search for search in searches_of(every) if search.point.key in keys]


def missing_searches(
    searches: Sequence[Search], rows: Sequence[Row], limits: Mapping[str, float]
) -> list[Search]:
    """Return the searches without a row, those that failed, and those that may now go further.

    Args:
        searches: What is wanted.
        rows: Of the frontier.
        limits: The settings that end a search, `TIME_LIMITS`, in seconds.
    """
    done = {
        row["key"] for row in rows if row["status"] != "error" and not _goes_further(row, limits)
    }
    return [search for search in searches if search.key not in done]


def _goes_further(row: Row, limits: Mapping[str, float]) -> bool:
    """Tell whether time ended a search that has more now, or may have: older rows do not say."""
    return row.get("limited_by") == "time" and any(
        row.get(name) is None or row[name] < limit for name, limit in limits.items()
    )


class FrontierPass:
    """Makes the searches that are missing in a run directory.

    Args:
        searches: What is wanted.
        run: Where the rows are written.
        children: Where the tries are made.
        try_seconds: The most seconds of one try.
        search_seconds: The most seconds of a search; its verification may come on top.
    """

    def __init__(
        self,
        searches: Sequence[Search],
        run: RunDirectory,
        children: Children,
        try_seconds: float,
        search_seconds: float,
    ) -> None:
        self.searches = searches
        self.run = run
        self.children = children
        self.try_seconds = try_seconds
        self.search_seconds = search_seconds
        self.limits = dict(zip(TIME_LIMITS, (search_seconds, try_seconds), strict=True))

    def missing(self) -> list[Search]:
        """Return the searches that are still to be made."""
        return missing_searches(self.searches, frontier_rows(self.run.path), self.limits)

    def measure(self, progress: Progress) -> None:
        """Make them; nothing that one runs into ends the sweep."""
        for search in self.missing():
            with self.run.turn():
                left = self.missing()  # a shard of another plan may have made it meanwhile
                if search not in left:
                    continue
                done = len(self.searches) - len(left)
                progress.begin_search(search.describe(), done, len(self.searches))
                row = self._search(search)
            self.run.append_search(row)
            progress.report(search.describe(), row)

    def _search(self, search: Search) -> Row:
        found: list[dict[str, Any]] = []
        border = self._refused(search) or find_border(
            partial(self._attempt, search, found),
            Limits(
                budget_mib=search.point.conditions.memory_budget_gib * 1024,
                start=search.start,
                seconds=self.search_seconds,
                cap=search.cap,
                limited_at_cap=search.limited_at_cap,
                least=search.least,
                step=search.step,
                degree=search.degree,
            ),
        )
        said = found[-1] if found and border.feasible else {}
        # Of a checkpoint only its model knows the size, in whatever try it was built.
        sizes = [one["size"] for one in found if "size" in one]
        size = sizes[-1] if sizes else search.columns["size"]
        return {**_row_of(search, border, said), "size": size, **self.limits}

    def _refused(self, search: Search) -> Border | None:
        """Refuse where tries could take more than there is.

        On a CPU the system would kill somebody; on a GPU they would seem not to fit.
        """
        conditions = search.point.conditions
        try:
            free = self._free_gib(conditions.device)
        except SettingsError as mistake:  # somebody else has the device for itself
            return Border(None, None, None, [], str(mistake))
        if free is None or free >= conditions.memory_budget_gib:
            return None
        budget = f"`memory_budget_gib` {conditions.memory_budget_gib:g}"
        return Border(None, None, None, [], f"{budget} must be free, and only {free:.1f} GiB are")

    def _free_gib(self, device: str) -> float | None:
        """Return what the device has left, while no child of ours has any of it; None: unknown."""
        if device == "cpu":
            return free_memory_gib()
        free: float | None = self.children.call(FREE_CUDA, None, self.try_seconds).value
        return free

    def _attempt(
        self,
        search: Search,
        found: list[dict[str, Any]],
        value: int,
        verifies: bool,
        seconds: float | None,
    ) -> Try:
        """Try a value in a child; what that says of it comes to the end of `found`."""
        timeout_s = min(self.try_seconds, seconds if seconds is not None else self.try_seconds)
        try:
            outcome = self.children.call(STEPS, search.steps_at(value, verifies), timeout_s)
        except SettingsError as mistake:
            outcome = Outcome("error", message=str(mistake))
        found.append(outcome.value or {})
        return _try_of(value, verifies, outcome)


def _try_of(value: int, verifies: bool, outcome: Outcome) -> Try:
    said = outcome.value or {}
    kind: Any = outcome.kind
    if outcome.timed_out:
        kind = "time"
    elif outcome.kind == "ok" and said.get("positions") is not None:
        kind = "positions"
    peak = said.get("fitting_peak_mib") if kind == "ok" else None
    error = outcome.message if kind == "error" else None
    return Try(value, kind, peak, round(outcome.seconds, 3), verifies, error)


def _row_of(search: Search, border: Border, said: dict[str, Any]) -> Row:
    feasible, infeasible = (
        None if value is None else search.on_axis(value)
        for value in (border.feasible, border.infeasible)
    )
    tries = [asdict(one) | {"value": search.on_axis(one.value)} for one in border.tries]
    return search.columns | {
        "key": search.key,
        "status": "error" if border.error else "ok",
        "error": border.error,
        "feasible": feasible,
        "infeasible": infeasible,
        "limited_by": border.limited_by,
        "peak_memory_mib": said.get("fitting_peak_mib"),
        "loaded_memory_mib": said.get("loaded_memory_mib"),
        "tries": tries,
        "seconds": round(sum(one.seconds for one in border.tries), 3),
    }
