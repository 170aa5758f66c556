"""The sentinel: one cheap point, measured again and again through a sweep.

What it takes should never change. Where it does, the machine has changed: it got warm, or somebody
else has its memory or its caches. The readings go to `sentinel.jsonl`, never among the rows.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lightning_modules.variants import find_variant
from profiling.children.crew import Children
from profiling.errors import SettingsError
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.rows.columns import Row
from profiling.rows.locks import Shard
from profiling.rows.reading import read_sentinel
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping.company import warn_of_company

SPEED = "profiling.measuring.tasks:measure_speed"
# The same for all sweeps: long enough for a steady median, short beside the start of a process.
EFFORT = Effort(num_warmup_steps=2, min_samples=5, seconds_per_measurement=0.2)
# Of the time for which was measured since the last reading, the next one may take so much.
SHARE = 0.02


def choose_sentinel(points: Sequence[Point]) -> Point | None:
    """Return the cheapest point that tells about the machine, to be measured briefly.

    It is the latency of a vanilla variant of the first modality at its shortest length, in
    inference if that is measured. None where no time is measured: memory never drifts.
    """
    able = [
        point
        for point in points
        if not point.skip_reason and {"latency", "throughput"} & set(point.metrics)
    ]
    mine = [point for point in able if point.modality == able[0].modality]
    if not mine:
        return None
    return replace(min(mine, key=_rank), metrics=("latency",), effort=EFFORT)


def _rank(point: Point) -> tuple[bool, bool, bool, bool, int]:
    vanilla = find_variant(point.modality, point.variant).is_vanilla
    return point.compiled, point.graphed, point.phase != "inference", not vanilla, point.length


class Sentinel:
    """Takes readings of one point while a sweep measures others.

    Args:
        point: What is read; None takes no readings.
        run: Where they are written.
        children: Where they are measured.
        shard: Which part of the sweep is measured meanwhile.
        timeout_s: Seconds after which a reading is given up.
    """

    def __init__(
        self,
        point: Point | None,
        run: RunDirectory,
        children: Children,
        shard: Shard,
        timeout_s: float,
    ) -> None:
        self.point = point
        self.run = run
        self.children = children
        self.shard = shard
        self.timeout_s = timeout_s
        self._cost_s: float | None = None
        self._measured_s = 0.0

    def before(self, visits: Sequence[Visit]) -> None:
        """Take a reading before the first visits, and later where its cost hardly counts.

        Call it in a turn of the run directory. Before the first one it also looks whether others
        keep the machine busy.
        """
        if self.point is None or all(visit.point.skip_reason for visit in visits):
            return
        if self._cost_s is None:
            warn_of_company(self.point.conditions.threads, self.shard != (1, 1))
            self._read(self.point)
        elif self._cost_s <= SHARE * self._measured_s:
            self._read(self.point)

    def after(self, rows: Sequence[Row]) -> None:
        """Note how long the visits took that made these rows."""
        self._measured_s += sum(row["seconds"] for row in rows)

    def finish(self) -> None:
        """Take a last reading, unless nothing was measured since the one before."""
        if self.point is None or not self._measured_s:
            return
        with self.run.turn():
            self._read(self.point)

    def _read(self, point: Point) -> None:
        began = time.monotonic()
        number = len(read_sentinel(self.run.path))
        row = row_of(Visit(point, number)) | self._measure(point)
        self._cost_s = time.monotonic() - began
        self._measured_s = 0.0
        row |= {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "shard": list(self.shard),
            "seconds": round(self._cost_s, 3),
        }
        row.pop("latency_ms_samples")  # its ends are enough
        self.run.append_sentinel({name: value for name, value in row.items() if value is not None})

    def _measure(self, point: Point) -> dict[str, Any]:
        """Return what a child found; nothing that it runs into ends the sweep."""
        try:
            outcome = self.children.call(SPEED, point, self.timeout_s)
        except SettingsError as mistake:  # the first visit that meets it will say so
            return {"status": "error", "error": str(mistake)}
        found = dict(outcome.value or {})
        if outcome.kind != "ok":
            found |= {"status": outcome.kind, "error": outcome.message}
        return found
