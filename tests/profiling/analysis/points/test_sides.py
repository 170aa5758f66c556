"""What one side of a comparison costs, from hand-written measurements."""

import pytest

from profiling.analysis.points.sides import read_side
from tests.samples.rows.comparisons import compare, row, visits

QUICK = ("quick", "library")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ok", "error", "error"], "ok"),
        (["ok", "ok", "oom"], "ok"),
        (["ok", "oom", "oom"], "oom"),
        (["ok", "oom"], "oom"),
        (["error", "oom"], "oom"),
        (["error", "error"], "error"),
        (["skipped"], "skipped"),
        ([], "missing"),
    ],
)
def test_visits_that_disagree_settle_on_a_status(statuses: list[str], expected: str) -> None:
    rows = [
        row("plain", "eager", visit=visit, status=status) for visit, status in enumerate(statuses)
    ]
    assert read_side("eager", rows, "latency").status == expected


def test_that_no_kernel_fits_is_as_sure_as_of_the_one_that_was_tried_least_often() -> None:
    rows = visits({0: 9.0, 1: 9.0}, *QUICK)
    for kernel, statuses in (("eager", ("oom", "oom")), ("sdpa", ("oom", "error"))):
        rows += [row("plain", kernel, visit=n, status=status) for n, status in enumerate(statuses)]
    vanilla, efficient = compare(rows)[-1].sides("latency")[512]
    assert (vanilla.status, vanilla.num_visits) == ("oom", 1)
    assert (efficient.status, efficient.num_visits) == ("ok", 2)


@pytest.mark.parametrize("value", [None, float("nan"), 0.0])
def test_a_metric_without_a_usable_value_is_missing_not_lost(value: float | None) -> None:
    rows = [row("plain", "eager", visit=0), row("plain", "eager", visit=1, latency_ms=value)]
    assert list(read_side("eager", rows, "latency").costs) == [0]
    assert read_side("eager", rows[1:], "latency").status == "missing"


def test_two_sides_meet_in_the_newest_effort_that_both_have() -> None:
    plain = visits({0: 10.0, 1: 10.0, 2: 10.0}, "plain", "eager")
    quick = visits({0: 9.0, 1: 9.0, 2: 9.0}, "quick", "library")
    again = [old | {"min_samples": 50, "latency_ms": 30.0} for old in plain[:2]]
    # The re-run was interrupted before the efficient side: its newer rows meet nothing.
    vanilla, efficient = compare(plain + quick + again)[0].sides("latency")[512]
    assert (set(vanilla.costs.values()), set(efficient.costs.values())) == ({10.0}, {9.0})
    again += [old | {"min_samples": 50, "latency_ms": 27.0} for old in quick[:2]]
    vanilla, efficient = compare(plain + quick + again)[0].sides("latency")[512]
    assert (vanilla.costs, efficient.costs) == ({0: 30.0, 1: 30.0}, {0: 27.0, 1: 27.0})


def test_a_later_effort_without_a_metric_leaves_the_earlier_ones_answer() -> None:
    rows = [row(*names, visit=n) for n in (0, 1) for names in (("plain", "eager"), QUICK)]
    brief = [old | {"metrics": ["latency"], "peak_memory_mib": None} for old in rows]
    vanilla, efficient = compare(rows + brief)[0].sides("memory")[512]
    assert (vanilla.status, efficient.status) == ("ok", "ok")


def test_sides_without_a_common_effort_never_meet() -> None:
    rows = [row("plain", "eager", min_samples=5), row(*QUICK, min_samples=50)]
    assert [s.status for s in compare(rows)[0].sides("latency")[512]] == ["missing", "missing"]


def test_of_several_implementations_the_effort_is_taken_that_has_them_all() -> None:
    plain = [row("plain", name) for name in ("eager", "sdpa")]
    rows = [*plain, row(*QUICK), *(old | {"min_samples": 9} for old in (plain[0], row(*QUICK)))]
    vanilla, _ = compare(rows)[-1].sides("latency")[512]
    assert vanilla.status == "ok"


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
    assert [vanilla.status for vanilla, _ in sides.values()] == ["ok", "error"]


def test_an_implementation_that_never_worked_does_not_hide_the_others() -> None:
    rows = [row("plain", "eager"), row("plain", "sdpa", status="error"), row("quick", "library")]
    vanilla, _ = compare(rows)[-1].sides("latency")[512]
    assert (vanilla.status, vanilla.implementation) == ("ok", "eager")


def test_what_only_runs_out_of_memory_does_not_hide_other_implementations() -> None:
    lengths = (512, 1024)
    rows = [row("plain", "eager", length) for length in lengths]
    rows += [row("quick", "library", length) for length in lengths]
    # It ran at the shorter length, where nobody knows its memory.
    rows.append(row("plain", "eager", 512, compiled=True, peak_memory_mib=None))
    rows.append(row("plain", "eager", 1024, compiled=True, status="oom"))
    sides = compare(rows)[-1].sides("memory")
    assert [vanilla.status for vanilla, _ in sides.values()] == ["ok", "ok"]


def test_where_every_implementation_runs_out_of_memory_the_side_does() -> None:
    rows = [row("plain", name, status="oom") for name in ("eager", "sdpa")]
    vanilla, _ = compare([*rows, row("quick", "library")])[-1].sides("memory")[512]
    assert vanilla.status == "oom"


def test_a_row_counts_for_what_it_has_when_another_metric_of_it_failed() -> None:
    rows = [row("plain", "eager", visit=n, status="oom", latency_ms=5.0) for n in range(2)]
    assert read_side("eager", rows, "latency").costs == {0: 5.0, 1: 5.0}
    assert read_side("eager", rows, "memory").status == "oom"


def test_the_samples_behind_a_throughput_are_kept() -> None:
    measured = row("plain", "eager", throughput_latency_ms_samples=[3.0, 4.0])
    assert read_side("eager", [measured], "throughput").samples == {0: [3.0, 4.0]}


def test_the_best_of_several_keeps_its_own_visits_beside_the_chosen_ones() -> None:
    rows = visits({0: 10.0, 1: 12.0, 2: 11.0}, "quick", "library")
    rows += visits({0: 11.0, 1: 10.0, 2: 11.5}, "quick", "rival")
    rows += visits({0: 20.0, 1: 20.0, 2: 20.0}, "plain", "eager")
    vanilla, quick = compare(rows)[-1].sides("latency")[512]
    assert quick.implementation == "rival"
    assert quick.chosen_costs == {0: 11.0, 1: 10.0, 2: 11.5}
    assert not vanilla.chosen_costs
