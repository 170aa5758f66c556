"""Memory is measured at just the length of an epoch's largest step."""

from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.answers.epoch_runs.planning import Amount
from benchmarks.answers.epoch_runs.running import MEMORY, Runner
from profiling.children.outcome import Outcome
from profiling.planning.points import Point
from tests.samples.epochs import DATA, rows
from tests.samples.rows.advising import vanilla_law


class NoEpochs:
    """Children that run no epoch, and end alike wherever memory is asked for."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.points: list[Point] = []

    def call(self, function: str, point: Point, timeout_s: float) -> Outcome:
        assert function == MEMORY
        self.points.append(point)
        return self.outcome

    def call_in_turns(
        self, calls: Sequence[Any], timeout_s: float, room_gib: float
    ) -> list[Outcome]:
        return [Outcome("error", message="it was not run") for _ in calls]


def run_memory(outcome: Outcome, max_length: int | None = None) -> tuple[Runner, list[Point]]:
    """Return the runner of the made-up data, and the points whose memory it asked for."""
    children: Any = NoEpochs(outcome)
    runner = Runner(rows(), Amount(), 1, max_length, 6.0, children=children)
    runner.run(DATA, "inference")
    return runner, children.points


def memory_of(runner: Runner) -> list[dict[str, Any]]:
    return [each for each in runner.results if each["objective"] == "memory"]


def test_memory_is_measured_at_the_longest_sample_and_not_at_the_next_length_of_the_sweep():
    runner, points = run_memory(Outcome("ok", {"peak_memory_mib": 70.0}))

    asked = [(point.variant, point.length, point.max_length) for point in points]
    assert sorted(asked) == [("bert", 520, 2048), ("local_bert", 520, 2048)]
    found = [each for each in memory_of(runner) if each["variant"] == "bert"]
    assert {each["policy"] for each in found} == {"dynamic", "pad_to_maximum"}
    for each in found:
        assert each["measured"] == 70.0
        assert each["predicted"] == pytest.approx(50 + vanilla_law(520), rel=0.01)


def test_what_is_padded_beyond_the_longest_sample_needs_memory_of_its_own():
    runner, points = run_memory(Outcome("ok", {"peak_memory_mib": 70.0}), max_length=800)

    assert sorted(point.length for point in points) == [520, 520, 800, 800]
    lengths = {"dynamic": 520, "pad_to_maximum": 800}
    for each in memory_of(runner):
        if each["variant"] == "bert":
            expected = 50 + vanilla_law(lengths[each["policy"]])
            assert each["predicted"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome("oom", message="it ran out of memory"), "it ran out of memory"),
        (Outcome("ok", {}), "no peak of its memory can be read"),
    ],
)
def test_memory_that_could_not_be_measured_is_listed_with_the_reason(outcome, why):
    runner, _ = run_memory(outcome)

    assert f"inference, memory, bert sdpa at 520: {why}" in runner.left_out
    assert not memory_of(runner)
