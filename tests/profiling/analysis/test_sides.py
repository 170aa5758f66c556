"""What one side of a comparison costs, from hand-written measurements."""

import pytest

from profiling.analysis.sides import read_side
from tests.samples.comparisons import compare, row, visits


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ok", "error", "error"], "ok"),
        (["ok", "ok", "oom"], "ok"),
        (["ok", "oom", "oom"], "oom"),
        (["ok", "oom"], "oom"),
        (["error", "oom"], "oom"),
        (["error", "error"], "missing"),
        (["skipped"], "skipped"),
        ([], "missing"),
    ],
)
def test_visits_that_disagree_settle_on_a_status(statuses: list[str], expected: str) -> None:
    rows = [
        row("plain", "eager", visit=visit, status=status) for visit, status in enumerate(statuses)
    ]
    assert read_side("eager", rows, "latency").status == expected


@pytest.mark.parametrize("value", [None, float("nan"), 0.0])
def test_a_metric_without_a_usable_value_is_missing_not_lost(value: float | None) -> None:
    rows = [row("plain", "eager", visit=0), row("plain", "eager", visit=1, latency_ms=value)]
    assert list(read_side("eager", rows, "latency").costs) == [0]
    assert read_side("eager", rows[1:], "latency").status == "missing"


def test_only_visits_under_the_last_key_count() -> None:
    old = visits({0: 1.0, 1: 1.0, 2: 1.0}, "plain", "eager")
    new = [other | {"key": "newer", "latency_ms": 2.0} for other in old[:2]]
    assert read_side("eager", old + new, "latency").costs == {0: 2.0, 1: 2.0}


def test_the_best_implementation_is_chosen_by_the_other_visits() -> None:
    rows = visits({0: 10.0, 1: 10.0, 2: 10.0}, "quick", "library")
    rows += visits({0: 11.0, 1: 11.0, 2: 8.0}, "quick", "lucky_once")
    rows += visits({0: 20.0, 1: 20.0, 2: 20.0}, "plain", "eager")
    _, quick = compare(rows)[-1].sides("latency")[512]
    # Visit 2 must not choose `lucky_once` for being lucky in visit 2.
    assert quick.costs[2] == 10.0
    assert quick.implementation == "lucky_once"


def test_an_infeasible_implementation_is_not_the_best_one() -> None:
    rows = [row("plain", "eager", status="oom"), row("plain", "sdpa"), row("quick", "library")]
    vanilla, _ = compare(rows)[-1].sides("latency")[512]
    assert (vanilla.status, vanilla.implementation) == ("ok", "sdpa")


def test_the_best_is_unknown_where_a_working_implementation_failed() -> None:
    rows = [row("plain", name, length) for name in ("eager", "sdpa") for length in (512, 1024)]
    rows[-1] = row("plain", "sdpa", 1024, status="error")
    rows += [row("quick", "library", length) for length in (512, 1024)]
    sides = compare(rows)[-1].sides("latency")
    assert [vanilla.status for vanilla, _ in sides.values()] == ["ok", "missing"]


def test_an_implementation_that_never_worked_does_not_hide_the_others() -> None:
    rows = [row("plain", "eager"), row("plain", "sdpa", status="error"), row("quick", "library")]
    vanilla, _ = compare(rows)[-1].sides("latency")[512]
    assert (vanilla.status, vanilla.implementation) == ("ok", "eager")


def test_a_row_counts_for_what_it_has_when_another_metric_of_it_failed() -> None:
    rows = [row("plain", "eager", visit=n, status="oom", latency_ms=5.0) for n in range(2)]
    assert read_side("eager", rows, "latency").costs == {0: 5.0, 1: 5.0}
    assert read_side("eager", rows, "memory").status == "oom"


def test_the_samples_behind_a_throughput_are_kept() -> None:
    measured = row("plain", "eager", throughput_latency_ms_samples=[3.0, 4.0])
    assert read_side("eager", [measured], "throughput").samples == {0: [3.0, 4.0]}
