"""What a sweep would measure and how long it would take, without measuring."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from datamodules.counted import counted
from profiling.planning.assumed_devices import AssumedDevice
from profiling.planning.frontier import Search
from profiling.planning.schedule import Guess
from profiling.planning.settings import SweepSettings
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.rows.frontier import TIME_LIMITS
from profiling.sweeping.frontier_pass import missing_searches
from profiling.sweeping.plan import Plan

# Of a small model on two cores: starting a child, building the model, warming up.
START_S = 0.6
# Of a small model on two cores: compiling a point, in the first of its visits.
COMPILE_S = 25.0
# Times the seconds of one measurement: the search for the best batch size, then its winner.
SEARCH_SHARE = 2.5


@dataclass(frozen=True)
class Outlook:
    """A sweep before it begins.

    Args:
        parts: How many points there are, by what they measure: "text inference", ...
        skipped: How many of them a variant cannot take, by the reason.
        visits: The most visits that will be made, with a time budget fewer may be; None where the
            sweep chooses lengths itself.
        done: How many of those have been made before.
        seconds: Expected seconds from here; where the sweep chooses and has no time budget, of the
            lengths that it begins with.
        is_whole: Whether these are the seconds of all that is left.
        is_least: Whether it may well take longer.
        basis: What the seconds rest on, in words.
        is_over: Whether no visit is left to make.
        searches: How many searches of the frontier there are besides.
        searches_done: How many of those have been made before.
        search_seconds: The most seconds of one of them.
    """

    parts: dict[str, int]
    skipped: dict[str, int]
    visits: int | None
    done: int
    seconds: float
    is_whole: bool
    is_least: bool
    basis: str
    is_over: bool = False
    searches: int = 0
    searches_done: int = 0
    search_seconds: float = 0.0

    @classmethod
    def of(
        cls,
        settings: SweepSettings,
        plan: Plan,
        rows: Sequence[Row],
        assumed: AssumedDevice | None = None,
    ) -> "Outlook":
        """Look ahead from the measurements that are already there, or from an assumed device.

        No rows are those of an assumed device: their keys name the device that measured them.
        """
        points = plan.first_points()
        is_over = next(plan.missing(rows), None) is None
        seconds = 0.0 if is_over else plan.seconds_left(rows, _guess(settings, assumed)) or 0.0
        budget_s = plan.budget_left(rows)
        spends_budget = budget_s is not None and not is_over and abs(seconds - budget_s) < 1
        bases = ["all that `time_budget_s` leaves"] * spends_budget
        if plan.is_known(rows):
            bases.append("by what was measured before")
        elif assumed is not None:
            bases.append(f"an estimate from the figures of an assumed {assumed.name}")
        return cls(
            dict(Counter(f"{point.modality} {point.phase}" for point in points)),
            dict(Counter(point.skip_reason for point in points if point.skip_reason)),
            plan.num_visits,
            plan.num_done(rows),
            seconds,
            is_whole=plan.num_visits is not None or budget_s is not None,
            is_least=not bases,
            basis=", ".join(bases) or _basis_of_guess(settings.size),
            is_over=is_over,
        )

    def with_frontier(
        self, settings: SweepSettings, searches: Sequence[Search], rows: Sequence[Row]
    ) -> "Outlook":
        """Return it with the searches of the frontier, of which there are `rows` already."""
        limits = {name: getattr(settings, name) for name in TIME_LIMITS}
        done = len(searches) - len(missing_searches(searches, rows, limits))
        return replace(
            self,
            searches=len(searches),
            searches_done=done,
            search_seconds=settings.frontier_seconds,
        )

    def describe(self) -> str:
        """Return it in a few lines."""
        lines = [f"{name}: {counted(count, 'point')}" for name, count in self.parts.items()]
        lines += [
            f"skipped, {counted(count, 'point')}: {reason}"
            for reason, count in self.skipped.items()
        ]
        points = counted(sum(self.parts.values()), "point")
        plan = (
            f"{points} to begin with, then lengths and visits where answers are widest, "
            f"{counted(self.done, 'visit')} done"
            if self.visits is None
            else f"in all {points}, at most {counted(self.visits, 'visit')}, {self.done:,} of "
            "them done"
        )
        lines.append(f"{plan}; {self._time_left()}")
        if self.searches:
            lines.append(
                f"frontier: {counted(self.searches, 'search', 'searches')} of the largest batch "
                f"or length besides, {self.searches_done:,} of them done, each "
                f"{self.search_seconds:g} s at most "
                "and a last try"
            )
        return "\n".join(lines)

    def _time_left(self) -> str:
        if self.is_over:
            return "no visit is left to make"
        minutes = f"{max(1, round(self.seconds / 60)):,} min"
        time = f"{minutes} or more" if self.is_least else f"about {minutes}"
        left = "from here" if self.is_whole else "for these points"
        return f"{time} {left}, {self.basis}"


def _basis_of_guess(size: str) -> str:
    return "a guess for tiny models" + (f"; {size} ones take longer" if size != "tiny" else "")


def _guess(settings: SweepSettings, assumed: AssumedDevice | None) -> Guess:
    """Return the seconds that an assumed device foresees, without one those of a small model."""
    small_s = _small_visit_s(settings)

    def guess(visit: Visit) -> float:
        point, number = visit.point, visit.number
        compiling_s = COMPILE_S if point.compiled and not number else 0.0
        return compiling_s + (assumed.visit_s(point, number) if assumed else small_s)

    return guess


def _small_visit_s(settings: SweepSettings) -> float:
    metrics = settings.metrics
    seconds = settings.seconds_per_measurement
    speed = (1.0 + SEARCH_SHARE * ("throughput" in metrics)) * seconds
    if settings.masked_steps:
        speed += (1 + ("throughput" in metrics)) * seconds
    children = ("memory" in metrics) + (metrics != ["memory"])
    if settings.breakdown:
        children += 1
        speed += seconds
    return START_S * children + speed
