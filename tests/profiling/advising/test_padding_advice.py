"""Advice on batches: how they are padded or packed, and what their masks add."""

from typing import Any

import pytest

from profiling.advising.contenders import Wanted
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.answers.verdicts import shown_value
from tests.samples.rows.advising import (
    CROSSING,
    THROUGHPUT,
    advise_run,
    lengths_around,
    linear_law,
    rows_of,
    vanilla_law,
)

DATA = lengths_around(300)


def test_dynamic_padding_saves_more_over_padding_to_the_maximum():
    found = advise_run(CROSSING, lengths_around(1300), THROUGHPUT)

    assert found["recommended"]["policy"] == "buckets"
    assert found["saving_over_padded"]["saving"] > found["saving"]


def test_a_kernel_that_packs_in_its_attention_alone_is_not_said_to_compute_no_padding():
    rows = [
        *rows_of("hubert", "sdpa", vanilla_law, modality="speech"),
        *rows_of("lhubert", "local_varlen", linear_law, modality="speech", attention_window=32),
    ]

    found = advise_run(rows, lengths_around(1300, "speech"), THROUGHPUT)

    policies = {a["policy"] for a in [found["recommended"], *found["alternatives"]]}
    assert policies == {"pad_to_maximum", "dynamic", "buckets"}


def masked_rows(ratio: float, packing_ratio: float):
    """Return an `sdpa` and an `unpadded` of the same costs, whose masks add different amounts."""

    def ratios(value: float) -> dict[str, Any]:
        return {"masked_step_ratio": value, "throughput_masked_step_ratio": value}

    return [
        *rows_of("bert", "sdpa", vanilla_law, **ratios(ratio)),
        *rows_of("bert", "unpadded", vanilla_law, **ratios(packing_ratio)),
    ]


def test_packing_is_advised_only_where_it_costs_less_than_the_padding_that_it_saves():
    components = {"components": {"head": {"share": 0.1}, "feed_forward": {"share": 0.9}}}

    def advised(packing_ratio: float, **fields: Any) -> str:
        rows = [row | fields for row in masked_rows(1.1, packing_ratio)]
        return advise_run(rows, lengths_around(300), THROUGHPUT)["recommended"]["implementation"]

    assert advised(1.1, **components) == "unpadded"
    assert advised(2.0, **components) == "sdpa"
    assert advised(1.1) == "sdpa"  # nobody knows what it saves


def test_padded_batches_cost_as_much_more_as_their_masks_add():
    plain, masked = (
        advise_run(masked_rows(ratio, 9.0), lengths_around(300), THROUGHPUT) for ratio in (1.0, 1.2)
    )

    assert masked["cost_per_sample"] == pytest.approx(1.2 * plain["cost_per_sample"], rel=0.01)


def test_a_run_without_masked_steps_says_what_it_does_not_know():
    def warned(rows, wanted):
        return any("`masked_steps`" in note for note in advise_run(rows, DATA, wanted)["notes"])

    assert warned(CROSSING, THROUGHPUT)
    assert not warned(masked_rows(1.1, 1.1), THROUGHPUT)
    assert not warned(CROSSING, Wanted())  # one sample at a time, each at its own length


def test_a_visit_without_a_ratio_leaves_all_masks_uncounted():
    unknown = {"masked_step_ratio": None, "throughput_masked_step_ratio": None}
    rows = masked_rows(1.5, 9.0)
    some = [row | unknown if row["visit"] == 1 else row for row in rows]
    none = [row | unknown for row in rows]

    costs = [advise_run(each, DATA, THROUGHPUT)["cost_per_sample"] for each in (some, none)]
    assert costs[0] == costs[1]


def test_beyond_the_lengths_whose_masks_were_measured_padded_batches_are_extrapolated():
    unknown = {"masked_step_ratio": None, "throughput_masked_step_ratio": None}
    whole = masked_rows(1.2, 9.0)
    rows = [row | unknown if row["sequence_length"] > 512 else row for row in whole]

    known, found = (advise_run(each, lengths_around(1300), THROUGHPUT) for each in (whole, rows))

    assert known["extrapolated_share"] == 0
    assert found["extrapolated_share"] > 0.5
    assert any("tokens, with a mask of padding 64 to 512; " in note for note in found["notes"])


def test_who_measured_masks_that_ran_out_of_memory_is_not_asked_to_measure_them():
    asked = {"metrics": ["latency", "throughput", "memory", "masked_steps"]}
    unknown = {"masked_step_ratio": None, "throughput_masked_step_ratio": None}
    rows = [
        row | asked | (unknown if row["sequence_length"] >= 256 else {})
        for row in masked_rows(1.2, 9.0)
    ]

    notes = advise_run(rows, DATA, THROUGHPUT)["notes"]

    assert any("a step with one ran out of memory at 256, and too few" in note for note in notes)
    assert not any("`masked_steps`" in note for note in notes)


def test_where_masks_cannot_be_measured_nobody_is_asked_to_measure_them():
    compiled = [row | {"compiled": True} for row in CROSSING]
    real = [row | {"batch_source": "real"} for row in CROSSING]
    maskless = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("fnet", "library", lambda n: 0.3 * vanilla_law(n)),
    ]

    told = [advise_run(rows, DATA, THROUGHPUT)["notes"] for rows in (compiled, real, maskless)]

    assert not any("`masked_steps`" in note for notes in told for note in notes)
    more = [any("cost more than this" in note for note in notes) for notes in told]
    assert more == [True, False, False]


def measured_again(factors: dict[str, float]) -> list[dict[str, Any]]:
    """Return three contenders, then some once more: with masks that add nothing, and slower."""
    once: dict[str, Any] = {"metrics": ["latency", "throughput"]}
    first = [
        *rows_of("bert", "sdpa", vanilla_law, **once),
        *rows_of("local_bert", "local_blocked", linear_law, attention_window=32, **once),
        *rows_of(
            *("longformer", "mask_fixed", lambda n: 4 * linear_law(n)), attention_window=256, **once
        ),
    ]
    again = [
        row
        | {
            "metrics": ["latency", "throughput", "masked_steps"],
            "latency_ms": factor * row["latency_ms"],
            "throughput_samples_per_s": row["throughput_samples_per_s"] / factor,
            "masked_step_ratio": 1.0,
            "throughput_masked_step_ratio": 1.0,
        }
        for row in first
        if (factor := factors.get(row["variant"]))
    ]
    return [*first, *again]


def test_who_was_measured_again_counts_as_it_was_measured_last():
    before = advise_run(measured_again({}), DATA, THROUGHPUT)
    after = advise_run(measured_again({"bert": 2.0, "local_bert": 2.0}), DATA, THROUGHPUT)

    assert before["recommended"] == after["recommended"]
    assert after["cost_per_sample"] == pytest.approx(2 * before["cost_per_sample"])
    asked = [any("`masked_steps`" in note for note in each["notes"]) for each in (before, after)]
    assert asked == [True, False]


def test_the_share_beyond_the_tipping_point_is_that_of_the_run_as_it_was_measured_last():
    data = lengths_around(600)

    def told(rows: list[dict[str, Any]]) -> float:
        (point,) = [
            shown_value(row)
            for row in find_tipping_points(rows)
            if (row["metric"], row["comparison"], row["efficient"])
            == ("throughput", "best_vs_best", "local_bert")
        ]
        advice = advise_run(rows, data, THROUGHPUT)
        (share,) = {
            each["share_beyond"]
            for each in advice["alternatives"]
            if each["variant"] == "local_bert"
        }
        assert share == data.share_beyond(point)
        return share

    assert told(measured_again({"bert": 2.0, "local_bert": 2.4})) < told(measured_again({})) - 0.2
