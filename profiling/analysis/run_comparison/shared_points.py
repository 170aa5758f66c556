"""Which points two runs share, and what each of them measured there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from profiling.analysis.points.axes import row_length
from profiling.analysis.points.checkpoints import name_in
from profiling.analysis.points.groups import Contender, rank
from profiling.analysis.points.readings import Efforts, asks_for
from profiling.analysis.points.sides import read_side
from profiling.analysis.statistics.intervals import Array
from profiling.analysis.statistics.unpaired import FEWEST_VISITS
from profiling.planning.checks import OF_CUDA
from profiling.rows.columns import (
    Column,
    Row,
    columns_of,
    judged_columns,
    shared_conditions,
    value_of,
)

# Where and with what a run was made, and what is chosen on a GPU alone: in these two runs that are
# compared may differ.
PLACE = ("device", "device_name", "threads", "allocator", *OF_CUDA)
# Statuses of a visit that went for a number and has none, unlike one that never asked for it.
FAILED = ("error", "skipped")


@dataclass(frozen=True)
class Point:
    """What was measured and under which conditions, those of `PLACE` aside.

    Args:
        identity: What was measured, in the order of the columns.
        conditions: Under which conditions, in the order of `joined_conditions`.
        length: The place on the modality's axis, 0 where it has none. How many tokens that are is
            no part of it: of some variants a row knows them only once its model was built.
        checkpoint_name: What readers call its weights, which tells nothing apart.
    """

    identity: tuple[Any, ...]
    conditions: tuple[Any, ...]
    length: int
    checkpoint_name: str = field(default="", compare=False)

    @classmethod
    def of(cls, row: Row) -> "Point":
        """Return the point of a measurement row."""
        return cls(
            tuple(value_of(row, column) for column in columns_of("identity")),
            tuple(value_of(row, column) for column in joined_conditions()),
            row_length(row) or 0,
            name_in(row),
        )

    @property
    def columns(self) -> dict[str, Any]:
        """Its values by the names of their columns."""
        names = [column.name for column in (*columns_of("identity"), *joined_conditions())]
        return dict(zip(names, self.identity + self.conditions, strict=True))

    @property
    def contender(self) -> Contender:
        """The variant with its implementation, window and weights."""
        return Contender.of(self.columns | {"checkpoint_name": self.checkpoint_name})

    @property
    def order(self) -> tuple[Any, ...]:
        """Its place in a listing: by modality, phase and conditions, then by variant and length."""
        values = self.columns
        places = (rank(values["modality"]), rank(values["phase"]))
        return (*places, *map(str, self.conditions), self.contender.label, self.length)

    def describe(self) -> str:
        """Return it in a few words."""
        return f"{self.contender.label} {self.columns['phase']} {self.length:,}"


def joined_conditions() -> list[Column]:
    """Return the conditions that two rows must share to be of the same point, beside the length."""
    return [column for column in shared_conditions() if column.name not in PLACE]


def place_columns() -> list[Column]:
    """Return the conditions in which they may differ."""
    return [column for column in columns_of("condition") if column.name in PLACE]


@dataclass(frozen=True)
class Measured:
    """What one run says of one point in one metric.

    Args:
        status: ok, oom, skipped, error, or missing (not measured, or without this metric).
        log_costs: Of the visits that count; lower is better. Where others computed on the same
            cores, a visit's times do not count; its memory does.
        num_visits: How many visits that count stand behind the status.
        reason: Why a visit has no value, in the words of its row; empty where none failed.
        num_disturbed: How many further visits have a value that does not count.
        failures: The statuses of the visits that failed or were skipped.
    """

    status: str
    log_costs: Array
    num_visits: int
    reason: str = ""
    num_disturbed: int = 0
    failures: tuple[str, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Whether it says anything of the metric."""
        return self.status in ("ok", "oom")

    @property
    def mostly_failed(self) -> bool:
        """Whether too few visits count, and no fewer failed than have a value."""
        num_values = self.num_visits + self.num_disturbed
        return self.num_visits < FEWEST_VISITS and len(self.failures) >= max(num_values, 1)


class Run:
    """The measurements of one run by point, of its current state."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Sort rows, oldest first, by point and by the place where they were measured."""
        self.rows = list(rows)
        self._efforts = Efforts(self.rows)
        self._points: dict[Point, dict[tuple[Any, ...], list[Row]]] = {}
        for row in self.rows:
            places = self._points.setdefault(Point.of(row), {})
            place = tuple(value_of(row, column) for column in place_columns())
            places[place] = [*places.pop(place, []), row]  # the newest place comes last

    @property
    def points(self) -> list[Point]:
        """All of its points, in the order of a listing."""
        return sorted(self._points, key=lambda point: point.order)

    def meet(self, other: "Run", point: Point) -> Iterator[tuple[list[Row], list[Row]]]:
        """Yield the visits of a point in this run and in another, place by place.

        Those of one place meet each other. Where the runs share no place, those of the newest one
        of each do.
        """
        ours, theirs = self._points.get(point, {}), other._points.get(point, {})
        shared = [place for place in ours if place in theirs]
        if shared:
            yield from ((ours[place], theirs[place]) for place in shared)
        else:
            yield _newest(ours), _newest(theirs)

    def measured(self, visits: Sequence[Row], metric: str) -> Measured:
        """Return what visits of one point say of a metric, by the newest effort that answers."""
        column = judged_columns()[metric]
        chosen = self._efforts.newest(visits, column)
        side = read_side("", chosen, metric, with_disturbed=True)
        if side.status == "oom":
            return Measured("oom", np.array([]), side.num_visits, side.reason)
        failed = [
            row
            for row in chosen
            if row["visit"] not in side.costs and row["status"] in FAILED and asks_for(row, column)
        ]
        disturbed = {row["visit"] for row in chosen if row.get("disturbed") and metric != "memory"}
        costs = np.array([c for visit, c in side.costs.items() if visit not in disturbed])
        return Measured(
            side.status,
            np.log(costs),
            len(costs),
            side.reason or next((str(row["error"]) for row in failed if row.get("error")), ""),
            len(side.costs) - len(costs),
            tuple(str(row["status"]) for row in failed),
        )


def _newest(places: dict[tuple[Any, ...], list[Row]]) -> list[Row]:
    return [*places.values()][-1] if places else []
