"""Which ranges a sweep begins with, when there is time for some of them only."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.analysis.points.drift import judge_steadiness
from profiling.planning.grids import PointMaker
from profiling.planning.points import DataFacts
from profiling.planning.ranges import Range
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.report.cautions import cautions_of
from profiling.sweeping.made import TRAINING_FACTOR, expected_s, made_in
from profiling.sweeping.refinement import Refinement
from tests.samples.variants.points import CONDITIONS

Rows = list[dict[str, Any]]
TEXT = [
    {"name": "bert", "implementations": ["sdpa"]},
    {"name": "local_bert", "attention_window": 8, "implementations": ["local_blocked"]},
]
SPEECH = [
    {"name": "hubert", "implementations": ["sdpa"]},
    {"name": "lhubert", "attention_window": 8, "implementations": ["local_blocked"]},
]
ENDS = {"text": [64, 256], "speech": [80, 640]}
NAMES = ["text inference", "speech inference", "text training", "speech training"]
# Two models, two ends, two visits; twice the time in training.
ROUNDS_S = {"inference": 8.0, "training": 8.0 * TRAINING_FACTOR}


def plan(budget_s: float | None, added: Sequence[object] = ()) -> Refinement:
    settings = SweepSettings(
        {
            "text": ModalitySettings([*TEXT, *added], lengths=ENDS["text"], refine=True),
            "speech": ModalitySettings(SPEECH, lengths=ENDS["speech"], refine=True),
        },
        metrics=["latency"],
    )
    ranges = [
        Range(phase, PointMaker(settings, CONDITIONS, name, DataFacts("synthetic", ends, 10)))
        for name, ends in ENDS.items()
        for phase in settings.phases
    ]
    return Refinement(settings, ranges, budget_s)


def seconds(visit: Visit) -> float:
    return TRAINING_FACTOR if visit.point.phase == "training" else 1.0


def measure(plan: Refinement, rows: Rows, most: int = 400) -> list[tuple[str, int, int]]:
    """Measure at most so many visits; return where each was, in their order."""
    order = []
    groups: Iterator[Visit] = (visit for group in plan.missing(rows) for visit in group)
    for visit in islice(groups, most):
        point = visit.point
        order.append((f"{point.modality} {point.phase}", point.length, visit.number))
        vanilla = point.variant in ("bert", "hubert")
        latency = float(point.length) ** (1.5 if vanilla else 1.0) * (1.0 if vanilla else 10.0)
        found = {"status": "ok", "seconds": seconds(visit), "latency_ms": latency}
        rows.append(row_of(visit) | found)
    return order


def test_inference_of_all_modalities_comes_before_training_and_each_has_two_visits_of_its_ends():
    order = measure(plan(None), [], most=32)
    assert list(dict.fromkeys(name for name, _, _ in order)) == NAMES
    for name in NAMES:
        ends = ENDS[name.split()[0]]
        found = Counter((length, number) for n, length, number in order if n == name)
        assert found == {(length, number): 2 for length in ends for number in (0, 1)}


def test_a_range_that_cannot_have_two_visits_is_left_alone_and_others_get_its_time():
    rows: Rows = []
    order = measure(plan(27.0), rows)
    names = {name for name, _, _ in order}
    assert names == {"text inference", "speech inference"}
    assert len(order) > 16  # of what was left, lengths between were measured
    assert [one.name for one in plan(27.0).left_alone(rows)] == ["text training", "speech training"]
    (said, *_) = cautions_of(rows, judge_steadiness([], []), NAMES[2:])
    assert said.startswith("There was no time for text training and speech training:")


def test_a_range_of_which_there_are_rows_is_not_said_to_be_left_alone():
    rows: Rows = []
    measure(plan(None), rows)
    assert plan(None).left_alone(rows) == []
    said = cautions_of(rows, judge_steadiness([], []), NAMES)
    assert not [sentence for sentence in said if "no time" in sentence]


def test_a_cheap_range_begins_though_one_before_it_had_no_time():
    rows: Rows = []
    slow = plan(40.0)
    groups = (visit for group in slow.missing(rows) for visit in group)
    for visit in islice(groups, 400):
        # Text takes ten times as long in inference, and hence, it is expected, in training.
        longer = 2.0 if visit.point.modality == "text" else 0.5
        found = {"status": "ok", "seconds": longer * seconds(visit), "latency_ms": 1.0}
        rows.append(row_of(visit) | found)
    assert {f"{row['modality']} {row['phase']}" for row in rows} == {*NAMES} - {"text training"}


def test_the_first_visits_of_the_first_range_are_made_whatever_they_take():
    order = measure(plan(0.5), [])
    assert Counter(order) == {("text inference", length, 0): 2 for length in ENDS["text"]}


@pytest.mark.parametrize("stopped_after", [2, 4, 10, 16, 18, 26])
@pytest.mark.parametrize("budget_s", [27.0, 60.0])
def test_an_interrupted_sweep_begins_what_it_would_have(budget_s, stopped_after):
    whole = measure(plan(budget_s), [])
    rows: Rows = []
    first = measure(plan(budget_s), rows, most=stopped_after)
    assert first + measure(plan(budget_s), rows) == whole
    assert measure(plan(budget_s), rows) == []


def test_more_time_begins_what_was_left_alone():
    rows: Rows = []
    measure(plan(27.0), rows)
    later = measure(plan(90.0), rows)
    assert {name for name, _, _ in later} >= {"text training", "speech training"}
    assert plan(90.0).left_alone(rows) == []


@settings(max_examples=20)
@given(budget_s=st.floats(0.0, 70.0))
def test_no_range_but_the_first_ends_with_one_visit_and_no_budget_is_exceeded(budget_s):
    rows: Rows = []
    order = measure(plan(budget_s), rows)
    visits = {name: {number for n, _, number in order if n == name} for name in NAMES}
    assert all(len(numbers) != 1 for numbers in list(visits.values())[1:])
    assert sum(row["seconds"] for row in rows) <= max(budget_s, ROUNDS_S["inference"] / 2)
    alone = {one.name for one in plan(budget_s).left_alone(rows)}
    assert alone == {name for name, numbers in visits.items() if not numbers}


def test_a_last_visit_that_failed_is_tried_again_by_the_next_sweep_though_the_time_is_over():
    rows: Rows = []
    measure(plan(16.0), rows)
    failed = [row for row in rows if (row["modality"], row["phase"]) == ("speech", "inference")][-1]
    failed |= {"status": "error", "latency_ms": None}
    again = [visit for group in plan(16.0).missing(rows) for visit in group]
    assert [(visit.point.variant, visit.number) for visit in again] == [
        ("hubert", 2),
        ("lhubert", 2),
    ]
    assert failed["key"] in {visit.point.key for visit in again}


def test_what_is_added_when_the_time_is_over_has_first_visits_at_the_ends_of_the_first_range():
    rows: Rows = []
    measure(plan(16.0), rows)
    groups = [*plan(16.0, [{"name": "fnet"}]).missing(rows)]
    assert [{visit.point.length for visit in group} for group in groups[:2]] == [{64}, {256}]
    for group in groups[:2]:
        assert {visit.point.variant for visit in group} == {"bert", "fnet"}
        assert {visit.point.phase for visit in group} == {"inference"}


def test_what_is_skipped_in_a_phase_takes_no_time_from_it():
    settings = SweepSettings(
        {"text": ModalitySettings(["bert", "bigbird"], lengths=[128, 1024], refine=True)},
        implementations=["sdpa", "library"],
        metrics=["latency"],
        phases=["inference"],
    )
    facts = DataFacts("synthetic", [128, 1024], 10)
    chosen = Range("inference", PointMaker(settings, CONDITIONS, "text", facts))
    starts = chosen.starts()
    (skipped,) = [point for point in starts if point.skip_reason]
    taken = [point for point in starts if point.variant == "bigbird" and point is not skipped]
    rows = [row_of(Visit(skipped, 0)) | {"status": "skipped", "seconds": 0.0}]
    rows += [
        row_of(Visit(point, 0)) | {"status": "ok", "seconds": 3.0, "latency_ms": 1.0}
        for point in starts
        if point.variant == "bert"
    ]
    assert expected_s(taken, made_in([chosen], rows)) == 3.0 * len(taken)


def test_a_dry_run_expects_the_budget_or_the_first_visits_that_are_made_in_any_case():
    def guess(visit: Visit) -> float:
        return 1.0

    assert plan(60.0).seconds_left([], guess) == 60.0
    assert plan(0.5).seconds_left([], guess) == ROUNDS_S["inference"] / 2


def test_without_a_budget_a_dry_run_expects_two_visits_of_all_ends_and_a_sweep_expects_nothing():
    assert plan(None).seconds_left([], seconds) == sum(ROUNDS_S.values()) * 2
    rows: Rows = []
    measure(plan(None), rows, most=16)
    assert plan(None).seconds_left(rows, seconds) == 16.0  # others take as long, by what is known
    assert plan(None).seconds_left(rows) is None
