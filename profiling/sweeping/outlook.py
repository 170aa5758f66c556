"""What a sweep would measure and how long it would take, without measuring."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from datamodules.counted import counted
from profiling.planning.assumed_devices import AssumedDevice
from profiling.planning.frontier import Search
from profiling.planning.points import Point
from profiling.planning.settings import SweepSettings
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
        known: Whether that rests on rows of the same points; else it is a guess for small models.
        searches: How many searches of the frontier there are besides.
        searches_done: How many of those have been made before.
        search_seconds: The most seconds of one of them.
        assumed: The device that a guess was made for, where it was told.
    """

    parts: dict[str, int]
    skipped: dict[str, int]
    visits: int | None
    done: int
    seconds: float
    known: bool
    searches: int = 0
    searches_done: int = 0
    search_seconds: float = 0.0
    assumed: str = ""

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
        known = plan.seconds_left(rows)
        guess = plan.seconds_left(rows, guess_s=_guess_of_a_visit(settings, points, assumed))
        compiling = COMPILE_S * sum(point.compiled and not point.skip_reason for point in points)
        return cls(
            dict(Counter(f"{point.modality} {point.phase}" for point in points)),
            dict(Counter(point.skip_reason for point in points if point.skip_reason)),
            plan.num_visits,
            plan.num_done(rows),
            known if known is not None else (guess or 0.0) + compiling,
            known is not None,
            assumed=assumed.name if assumed else "",
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
        minutes = max(1, round(self.seconds / 60))
        time = f"{minutes:,} min or more"
        basis = "that is what tiny models take"
        if self.known:
            time, basis = f"about {minutes:,} min", "by what was measured before"
        elif self.assumed:
            time = f"about {minutes:,} min"
            basis = f"an estimate from the figures of an assumed {self.assumed}"
        points = counted(sum(self.parts.values()), "point")
        plan = (
            f"{points} to begin with, then lengths and visits where answers are widest, "
            f"{counted(self.done, 'visit')} done"
            if self.visits is None
            else f"in all {points}, at most {counted(self.visits, 'visit')}, {self.done:,} of "
            "them done"
        )
        lines.append(f"{plan}; {time} from here, {basis}")
        if self.searches:
            lines.append(
                f"frontier: {counted(self.searches, 'search', 'searches')} of the largest batch "
                f"or length besides, {self.searches_done:,} of them done, each "
                f"{self.search_seconds:g} s at most "
                "and a last try"
            )
        return "\n".join(lines)


def _guess_of_a_visit(
    settings: SweepSettings, points: Sequence[Point], assumed: AssumedDevice | None
) -> float:
    measured = [point for point in points if not point.skip_reason]
    if assumed is not None and measured:
        return fmean(assumed.visit_s(point) for point in measured)
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
