"""Advice where some know what masks of padding add to their steps, and others do not."""

from typing import Any

import pytest

from profiling.advising.advice import find_advice
from profiling.advising.between_runs import compare_advice
from profiling.advising.contenders import Wanted
from tests.samples.rows.advising import (
    THROUGHPUT,
    advise_run,
    lengths_around,
    rows_of,
    vanilla_law,
)

DATA = lengths_around(300)
Rows = list[dict[str, Any]]


def rows_with(factor: float, ratio: float | None, *names: str, **fields: Any) -> Rows:
    """Return rows at so many times the vanilla costs.

    Args:
        factor: Of steps without a mask.
        ratio: By how much a mask makes steps dearer; None for compiled ones, of which nobody knows.
        names: Variant and implementation, by default `bert` with `sdpa`.
        fields: What else is in the rows.
    """
    variant, implementation = names or ("bert", "sdpa")
    ratios = {"masked_step_ratio": ratio, "throughput_masked_step_ratio": ratio}
    fields |= {"compiled": True} if ratio is None else ratios
    return rows_of(variant, implementation, lambda n: factor * vanilla_law(n), **fields)


def local(factor: float, ratio: float | None, window: int = 32) -> Rows:
    """Return such rows of `local_bert`."""
    return rows_with(factor, ratio, "local_bert", "local_blocked", attention_window=window)


def test_who_does_not_know_its_masks_is_compared_without_masks_on_either_side():
    found = advise_run([*rows_with(1.0, 1.3), *local(1.15, None)], DATA, THROUGHPUT)

    (ours,) = [
        a for a in found["alternatives"] if (a["variant"], a["policy"]) == ("local_bert", "buckets")
    ]
    assert found["verdict"] == "keep_vanilla"
    assert ours["saving"] == pytest.approx(-0.15, abs=0.02)
    assert any("for neither side where local_bert" in note for note in found["notes"])
    assert not any("`masked_steps`" in note for note in found["notes"])


def test_in_what_is_cheapest_masks_count_for_all_or_for_none():
    known = [*rows_with(1.0, 1.3), *rows_with(1.1, None)]

    for rows in (known, [*known, *local(1.05, None)]):
        found = advise_run(rows, DATA, THROUGHPUT)
        assert found["verdict"] == "keep_vanilla"
        assert found["recommended"]["implementation"] == "sdpa"
    ours = [a for a in found["alternatives"] if a["variant"] == "local_bert"]
    assert all(each["saving"] == pytest.approx(-0.05, abs=0.02) for each in ours)


# Because of the compiled one, which nobody would take, the order is that of steps without masks.
UNKNOWN = rows_with(2.0, None)
EAGER = rows_with(0.9, 1.5, "bert", "eager")  # the cheapest one, but not with masks


def test_a_kernel_whose_masks_cost_more_does_not_take_the_place_of_the_default_one():
    rows = [*rows_with(1.0, 1.1), *EAGER, *UNKNOWN]

    assert advise_run(rows, DATA, THROUGHPUT)["recommended"]["implementation"] == "sdpa"


def test_of_two_default_kernels_the_one_whose_masks_cost_less_is_kept():
    rows = [
        *rows_with(1.0, 1.1),
        *rows_with(0.95, 1.4, "modernbert_full", "sdpa"),
        *UNKNOWN,
    ]

    assert advise_run(rows, DATA, THROUGHPUT)["recommended"]["variant"] == "bert"


def test_who_saves_over_a_kernel_whose_masks_cost_more_is_compared_with_the_other_one():
    found = advise_run(
        [*rows_with(1.0, 1.1), *EAGER, *local(1.05, 1.1), *UNKNOWN], DATA, THROUGHPUT
    )

    assert (found["verdict"], found["recommended"]["implementation"]) == ("keep_vanilla", "sdpa")
    ours = [a for a in found["alternatives"] if a["variant"] == "local_bert"]
    assert all(each["saving"] == pytest.approx(-0.05, abs=0.02) for each in ours)


def test_who_saves_with_masks_alone_is_not_taken_over_one_that_does_not_know_its_own():
    rows = [*rows_with(0.9, 1.5), *rows_with(0.95, None), *local(1.0, 1.0)]

    assert advise_run(rows, DATA, THROUGHPUT)["verdict"] == "keep_vanilla"


def test_of_those_that_save_the_one_that_costs_least_with_masks_is_taken():
    rows = [*rows_with(1.0, 1.6), *local(0.5, 2.0), *local(0.6, 1.1, window=64), *UNKNOWN]

    found = advise_run(rows, DATA, THROUGHPUT)

    assert (found["verdict"], found["recommended"]["attention_window"]) == ("saves", 64)


def test_who_cannot_be_used_changes_no_order():
    heavy = [row | {"peak_memory_mib": 9e6} for row in UNKNOWN]
    rows = [*rows_with(1.0, 1.1), *EAGER, *local(1.1, 1.1), *heavy]
    wanted = Wanted("throughput", batch_size=8, budget_gib=1000.0)

    found = advise_run(rows, DATA, wanted)

    usable = [a for a in found["alternatives"] if not a["problems"]]
    costs = [each["cost_per_sample"] for each in usable]
    assert costs == sorted(costs)
    assert not any("for nobody in the order" in note for note in found["notes"])


def unmeasured_beyond(longest: int, rows: Rows) -> Rows:
    """Return the rows without masks of longer inputs."""
    unknown = {"masked_step_ratio": None, "throughput_masked_step_ratio": None}
    return [row | unknown if row["sequence_length"] > longest else row for row in rows]


def test_what_is_compared_without_masks_is_as_sure_as_steps_without_masks_are():
    rows = [*unmeasured_beyond(512, rows_with(1.0, 1.2)), *local(0.8, None)]

    found = advise_run(rows, lengths_around(1300), THROUGHPUT)

    assert (found["verdict"], found["recommended"]["variant"]) == ("saves", "local_bert")
    assert found["ci_high"] - found["ci_low"] < 0.05


def test_between_runs_masks_count_for_all_or_for_none():
    runs = {"compiled": rows_with(1.1, None), "plain": rows_with(1.0, 1.3)}

    found = compare_advice({n: find_advice(rows, DATA, THROUGHPUT) for n, rows in runs.items()})

    assert found["cheapest_run"] == "plain"


def test_between_runs_steps_without_masks_are_compared_as_sure_as_they_are():
    plain = unmeasured_beyond(512, rows_with(1.0, 1.2))
    runs = {"compiled": rows_with(0.8, None), "plain": plain}
    data = lengths_around(1300)

    found = compare_advice({n: find_advice(rows, data, THROUGHPUT) for n, rows in runs.items()})

    assert found["cheapest_run"] == "compiled"
