"""What is compared is measured side by side, and again where neighbours disturb it."""

import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from profiling.children.crew import Children
from profiling.children.outcome import Outcome
from profiling.commands.current_run import read_run
from profiling.planning import points
from profiling.planning.points import Point
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.rows.locks import make_lock_folder, turn_of_this_machine
from profiling.rows.reading import ROWS, read_rows
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping import sentinel
from profiling.sweeping.group import MEMORY, SPEED, measure_group
from profiling.sweeping.plan import Plan
from profiling.sweeping.sentinel import EFFORT
from profiling.sweeping.sweep import Sweep
from tests.samples.variants.points import points_of

POINTS = [p for p in points_of("text", [64], ["bert", "longformer"]) if p.phase == "inference"]
Asked = list[tuple[str, list[Point]]]


class Counted(Children):
    """Answers without a process: `attempts` says who was disturbed in each."""

    def __init__(self, attempts: list[list[bool]]) -> None:
        self.attempts = iter(attempts)
        self.asked: Asked = []

    def call(self, function: str, task: Any, timeout_s: float | None) -> Outcome:
        self.asked.append((function, [task]))
        return Outcome("ok", {"peak_memory_mib": 7.0}, seconds=0.5)

    def call_in_turns(
        self, calls: Sequence[tuple[str, Any]], timeout_s: float | None, room_gib: float
    ) -> list[Outcome]:
        (function,) = {function for function, _ in calls}
        self.asked.append((function, [task for _, task in calls]))
        disturbed = next(self.attempts)
        return [
            Outcome("ok", {"latency_ms": 2.0, "disturbed": flag}, seconds=1.0) for flag in disturbed
        ]


def visit_all(children: Children, number: int = 0, left_s: float | None = None) -> list[Any]:
    return measure_group([Visit(point, number) for point in POINTS], children, 60, 1.0, left_s)


CALM, BUSY = [False] * len(POINTS), [True, *[False] * (len(POINTS) - 1)]


@pytest.mark.parametrize(
    ("attempts", "left_s"),
    [
        ([CALM], None),
        ([BUSY, CALM], None),
        ([BUSY, BUSY, BUSY], None),
        ([BUSY], -1.0),
        ([BUSY, CALM], 1e9),
    ],
)
def test_all_that_is_compared_is_measured_again_while_there_is_time(
    attempts: list[list[bool]], left_s: float | None
) -> None:
    children = Counted(attempts)
    rows = visit_all(children, left_s=left_s)
    speeds = [tasks for function, tasks in children.asked if function == SPEED]
    assert speeds == [POINTS] * len(attempts)
    assert [row["disturbed"] for row in rows] == attempts[-1]
    assert [row["seconds"] for row in rows] == [len(attempts) + 0.5] * len(POINTS)


def test_on_cuda_memory_is_asked_of_no_process_of_its_own() -> None:
    on_gpu = replace(POINTS[0], conditions=replace(POINTS[0].conditions, device="cuda"))
    beside, alone = Visit(on_gpu, 0), Visit(replace(on_gpu, metrics=("memory",)), 0)
    children = Counted([[False]])
    measure_group([beside], children, 60, 1.0, None)
    measure_group([alone], children, 60, 1.0, None)
    assert [function for function, _ in children.asked] == [SPEED, MEMORY]


def test_memory_is_measured_after_all_speed_and_in_the_first_two_visits_alone() -> None:
    for number, wanted in [(0, 1), (1, 1), (2, 0)]:
        children = Counted([CALM])
        rows = visit_all(children, number)
        functions = [function for function, _ in children.asked]
        assert functions == [SPEED, *[MEMORY] * len(POINTS) * wanted]
        assert [row["peak_memory_mib"] for row in rows] == [7.0 if wanted else None] * len(POINTS)


def test_what_a_variant_cannot_take_is_a_row_without_a_process() -> None:
    children = Counted([CALM[1:]])
    skipped = replace(POINTS[0], skip_reason="takes 9 at most")
    group = [Visit(skipped, 0), *(Visit(point, 0) for point in POINTS[1:])]
    first, *others = measure_group(group, children, 60, 1.0, None)
    assert (first["status"], first["error"], first["seconds"]) == ("skipped", "takes 9 at most", 0)
    assert {row["status"] for row in others} == {"ok"}


def sweep_of_two_points(run: RunDirectory, children: Counted, budget_s: float | None) -> Sweep:
    bert = {"name": "bert", "implementations": ["sdpa"]}
    settings = SweepSettings(
        {"text": ModalitySettings([bert], lengths=[40, 72])},
        phases=["inference"],
        metrics=["latency"],
        allocator="system",
        visits=1,
        time_budget_s=budget_s,
    )
    planned = Sweep(settings, run)
    planned.children = planned.preparation.children = children
    return planned


def test_what_an_earlier_sweep_skipped_for_a_reason_that_is_gone_is_measured(
    tmp_path: Path,
) -> None:
    skipped = {"status": "skipped", "error": "needs a compiler", "seconds": 0.0}
    with RunDirectory(tmp_path) as run:
        planned = sweep_of_two_points(run, Counted([[False], [False]]), None)
        points = planned.preparation.plan().first_points()
        run.append(*(row_of(Visit(point, 0)) | skipped for point in points))
        assert planned.measure()
    rows = read_rows(tmp_path)
    assert [(row["status"], row["latency_ms"]) for row in rows] == [("ok", 2.0)] * len(points)


def test_visits_are_chosen_in_the_turn_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentinel, "warn_of_company", lambda *_: None)
    choose = Plan.missing
    held = []

    def is_held() -> bool:
        with turn_of_this_machine(make_lock_folder(tmp_path)).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def watched(plan: Plan, rows: Any) -> Iterator[list[Visit]]:
        for group in choose(plan, rows):
            held.append(is_held())
            yield group

    monkeypatch.setattr(Plan, "missing", watched)
    with RunDirectory(tmp_path) as run:
        assert sweep_of_two_points(run, Counted([[False], [False]]), None).measure()
    assert held == [True, True]


def test_a_fresh_sweep_measures_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel, "warn_of_company", lambda *_: None)
    for fresh in (False, True):
        with RunDirectory(tmp_path, fresh=fresh) as run:
            assert sweep_of_two_points(run, Counted([[False], [False]]), None).measure()
            assert len(run.rows) == 2
    assert len((tmp_path / ROWS).read_text().splitlines()) == 2


def test_another_version_of_the_project_is_measured_anew_and_never_mixed_with_older_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentinel, "warn_of_company", lambda *_: None)
    known = ("torch 3", "tipping-point 1, torch 3", "tipping-point 2, torch 3")
    for versions in known:  # the first as rows had it before the project was among them
        monkeypatch.setattr(points, "library_versions", partial(str, versions))
        with RunDirectory(tmp_path) as run:
            assert sweep_of_two_points(run, Counted([[False], [False]]), None).measure()
        rows, _, _ = read_run(tmp_path)
        assert [row["versions"] for row in rows] == [versions] * 2
    assert len(read_rows(tmp_path)) == 2 * len(known)


@pytest.mark.parametrize(("budget_s", "num_attempts"), [(3600.0, 3), (1e-6, 2)])
def test_a_sweep_has_its_whole_budget_left_at_the_first_visit(
    tmp_path: Path, budget_s: float, num_attempts: int
) -> None:
    children = Counted([[True], [False], [False]])
    with RunDirectory(tmp_path) as run:
        sweep_of_two_points(run, children, budget_s).measure()
    speeds = [tasks for function, tasks in children.asked if function == SPEED]
    # The readings of the sentinel are calls of their own.
    assert len([tasks for tasks in speeds if tasks[0].effort != EFFORT]) == num_attempts
    disturbed = [row["disturbed"] for row in read_rows(tmp_path)]
    assert disturbed == [num_attempts == 2, False]
