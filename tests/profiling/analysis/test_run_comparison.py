from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.run_comparison.comparing import compare_runs
from profiling.analysis.run_comparison.run_answers import Answer, RunComparison
from profiling.analysis.run_comparison.shared_points import Run
from tests.samples.rows.runs import noisy_rows, only_latency, visits_of

Row = dict[str, Any]
TEN = (10.0, 10.1, 9.9)
ELEVEN = (11.0, 11.1, 10.9)


def compare(first: Iterable[Row], second: Iterable[Row]) -> RunComparison:
    return compare_runs(Run(first), Run(second))


def latency(first: list[Row], second: list[Row]) -> Answer:
    (answer,) = compare(only_latency(first), only_latency(second)).answers
    return answer


def verdicts(comparison: RunComparison) -> list[str]:
    return [answer.verdict for answer in comparison.answers]


def numbers(answer: Answer) -> tuple[float, float, float]:
    assert answer.ci_low is not None
    assert answer.ratio is not None
    assert answer.ci_high is not None
    return answer.ci_low, answer.ratio, answer.ci_high


def test_less_time_in_the_second_run_is_faster_and_more_is_slower() -> None:
    faster = latency(visits_of(ELEVEN), visits_of(TEN))
    assert faster.verdict == "faster"
    assert faster.ratio == pytest.approx(10 / 11, rel=1e-3)
    low, ratio, high = numbers(faster)
    assert low < ratio < high < 1
    assert latency(visits_of(TEN), visits_of(ELEVEN)).verdict == "slower"


def test_what_lies_within_the_noise_cannot_be_told() -> None:
    assert latency(visits_of((10, 12, 9)), visits_of((11, 10, 12.5))).verdict == "cannot_tell"


def test_more_samples_per_second_are_faster() -> None:
    slow, fast = (
        [row | {"throughput_samples_per_s": 1e3 / row["latency_ms"]} for row in visits_of(values)]
        for values in (ELEVEN, TEN)
    )
    found = {answer.metric: answer for answer in compare(slow, fast).answers}
    assert found["throughput"].verdict == "faster"
    assert found["throughput"].ratio == pytest.approx(10 / 11, rel=1e-3)


def test_a_single_visit_decides_nothing() -> None:
    once, often = visits_of([20.0]), visits_of(TEN)
    for answer in (latency(once, often), latency(often, once), latency(once, once)):
        assert answer.verdict == "cannot_tell"
        assert answer.ratio is not None
        assert answer.ci_low is None


def test_visits_of_the_runs_are_not_paired() -> None:
    first, second = visits_of((10, 11, 12)), visits_of((12.1, 10.1, 11.1))
    renumbered = [row | {"visit": 7 - row["visit"]} for row in second]
    found, other = latency(first, second), latency(first, renumbered)
    assert (found.ci_low, found.ci_high) == pytest.approx((other.ci_low, other.ci_high))


def test_memory_is_known_to_a_mebibyte() -> None:
    def memory(mib: float) -> list[Row]:
        return [row | {"peak_memory_mib": mib, "latency_ms": None} for row in visits_of(TEN)]

    def verdict(first: float, second: float) -> str:
        answers = compare(memory(first), memory(second)).answers
        return next(answer.verdict for answer in answers if answer.metric == "memory")

    assert verdict(100.0, 101.5) == "cannot_tell"
    assert verdict(100.0, 103.0) == "slower"
    assert verdict(100.0, 97.0) == "faster"


def test_disturbed_visits_count_for_memory_alone() -> None:
    first = visits_of(TEN)
    second = [row | {"disturbed": True, "peak_memory_mib": 300.0} for row in visits_of(ELEVEN)]
    found = {answer.metric: answer.verdict for answer in compare(first, second).answers}
    expected = {"latency": "cannot_tell", "throughput": "cannot_tell", "memory": "slower"}
    assert found == expected


def test_one_undisturbed_visit_is_not_enough() -> None:
    second = [row | {"disturbed": row["visit"] > 0} for row in visits_of(ELEVEN)]
    assert latency(visits_of(TEN), second).verdict == "cannot_tell"
    second[1]["disturbed"] = False
    assert latency(visits_of(TEN), second).verdict == "slower"


@pytest.mark.parametrize(
    "changed",
    [
        {"device": "cuda", "tf32": False, "cudnn_benchmark": False, "sdpa_backend": "any"},
        {"tf32": True},
        {"device_name": "another"},
        {"threads": 8},
        {"allocator": "kept"},
        {"versions": "torch 3"},
        {"seed": 4},
        {"fingerprint": "x"},
        {"min_samples": 9},
    ],
)
def test_runs_meet_across_devices_states_and_efforts(changed: Row) -> None:
    assert latency(visits_of(TEN), visits_of(ELEVEN, **changed)).verdict == "slower"


@pytest.mark.parametrize(
    "changed",
    [
        {"precision": "bf16-true"},
        {"size": "base"},
        {"phase": "training"},
        {"checkpoint": "mine"},
        {"attention_window": 64},
        {"memory_budget_gib": 2.0},
        {"sequence_length": 513},
    ],
)
def test_points_under_other_conditions_never_meet(changed: Row) -> None:
    found = compare(visits_of(TEN), visits_of(ELEVEN, **changed))
    assert found.answers == []
    assert [len(found.only_first), len(found.only_second)] == [1, 1]


def test_measurements_of_the_same_device_meet_where_a_run_has_several() -> None:
    first = only_latency(visits_of(TEN, threads=1) + visits_of(ELEVEN, threads=2))
    second = only_latency(visits_of(TEN, threads=1) + visits_of(ELEVEN, threads=2))
    found = compare(first, second)
    assert verdicts(found) == ["cannot_tell", "cannot_tell"]
    assert [answer.place["threads"] for answer in found.answers] == [1, 2]


def test_the_newest_effort_of_each_run_counts() -> None:
    old, new = visits_of((50, 51, 52), min_samples=1), visits_of(TEN, min_samples=5)
    found = latency(old + new, visits_of(TEN))
    assert found.ratio == pytest.approx(1.0)


def test_a_point_that_no_longer_fits_into_memory_is_slower() -> None:
    failed = visits_of(TEN, status="oom", latency_ms=None)
    assert latency(visits_of(TEN), failed).verdict == "slower"
    assert latency(failed, visits_of(TEN)).verdict == "faster"
    assert latency(visits_of(TEN), failed).is_slower_than(1000.0)
    assert latency(visits_of(TEN), failed[:1]).verdict == "cannot_tell"
    assert compare(only_latency(failed), only_latency(failed)).answers == []


def test_a_point_that_failed_in_one_run_is_named_as_the_others() -> None:
    failed = visits_of(TEN, status="error", error="it broke", latency_ms=None)
    found = compare(only_latency(visits_of(TEN)), only_latency(failed))
    assert [alone.metrics for alone in found.only_first] == [("latency",)]
    assert found.only_second == []
    assert found.answers == []


def test_two_runs_of_the_same_thing_cannot_be_told_apart() -> None:
    told, judged = 0, 0
    for seed in range(0, 20, 2):
        found = compare(noisy_rows(seed), noisy_rows(seed + 1))
        told += sum(verdict != "cannot_tell" for verdict in verdicts(found))
        judged += found.num_judged
    assert judged == 10 * 3 * 60
    assert told <= 0.05 * judged


def test_a_run_that_is_slower_by_much_is_found_at_nearly_every_point() -> None:
    found = compare(noisy_rows(1), noisy_rows(2, slower=1.3))
    assert verdicts(found).count("slower") >= 0.95 * found.num_judged
    assert found.median_ratio("latency") == pytest.approx(1.3, rel=0.02)


def test_chance_alone_gives_one_answer_in_twenty() -> None:
    found = compare(noisy_rows(1), noisy_rows(2))
    assert found.num_by_chance == pytest.approx(0.05 * 180)


@given(
    st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=4),
    st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=4),
)
def test_exchanging_the_runs_exchanges_the_verdicts(ours: list[float], theirs: list[float]) -> None:
    there, back = (
        latency(visits_of(ours), visits_of(theirs)),
        latency(visits_of(theirs), visits_of(ours)),
    )
    opposite = {"faster": "slower", "slower": "faster", "cannot_tell": "cannot_tell"}
    assert back.verdict == opposite[there.verdict]
    assert numbers(there)[1] * numbers(back)[1] == pytest.approx(1.0)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=4))
def test_a_run_cannot_be_told_from_itself(values: list[float]) -> None:
    assert latency(visits_of(values), visits_of(values)).verdict == "cannot_tell"
