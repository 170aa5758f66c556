"""Advice on memory in batches, foreseen from single samples: what counts once, and what not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Wanted, measure
from profiling.advising.costs.fitting import Observation, fit_cost_model
from profiling.advising.costs.tokens import Tokens
from profiling.advising.data_cost import DataCost, peak_of_plan
from profiling.advising.newest import find_newest
from profiling.advising.plans import plan_epoch
from tests.samples.rows.advising import (
    CROSSING,
    advise_run,
    lengths_around,
    linear_law,
    rows_of,
    vanilla_law,
)

MEASURED = (50, 100, 200, 400)


def with_peaks(
    vanilla: Callable[[int], float], efficient: Callable[[int], float], loaded: float
) -> list[dict[str, Any]]:
    """Return rows of two variants with such peaks by length."""
    window = {"attention_window": 32}
    return [
        row | {"peak_memory_mib": peak(row["sequence_length"]), "loaded_memory_mib": loaded}
        for peak, rows in (
            (vanilla, rows_of("bert", "sdpa", vanilla_law)),
            (efficient, rows_of("local_bert", "local_blocked", linear_law, **window)),
        )
        for row in rows
    ]


def peak_at(length: int, batch_size: int, loaded: float = 50.0) -> DataCost:
    """Return the foreseen peak of a batch of one length, over a law that was measured."""
    peaks = [Observation(0, n, 1, 50.0 + 0.1 * n) for n in MEASURED]
    data = LengthDistribution.from_lengths([length] * batch_size, "made up", "text", "nowhere")
    model = fit_cost_model(peaks, Tokens(), varies=False)
    return peak_of_plan(model, plan_epoch(data, "dynamic", batch_size), loaded)


def test_what_a_device_keeps_for_products_counts_once_however_large_the_batch():
    def peaks(rows: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
        found = advise_run(rows, lengths_around(1300), Wanted("memory", batch_size=8))
        named = [{**found, **found["recommended"]}, *found["alternatives"]]
        return {(each["variant"], each["policy"]): each["peak_memory_mib"] for each in named}

    kept = [
        row | {"peak_memory_mib": row["peak_memory_mib"] + 32.0, "workspace_mib": 32.0}
        for row in CROSSING
    ]
    without, beside = peaks(CROSSING), peaks(kept)

    assert beside == pytest.approx({name: peak + 32.0 for name, peak in without.items()})


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_difference_below_what_memory_is_known_to_decides_nothing_in_a_batch_either(batch_size):
    rows = with_peaks(lambda n: 60.0, lambda n: 59.2, loaded=50.0)

    found = advise_run(rows, lengths_around(700), Wanted("memory", batch_size=batch_size))

    assert found["verdict"] == "cannot_tell"


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_difference_below_what_the_fit_knows_decides_nothing_in_a_batch_either(batch_size):
    def uneven(length: int) -> float:
        return 1050.0 if length in (128, 512) else 1000.0

    rows = with_peaks(uneven, lambda n: 0.97 * uneven(n), loaded=900.0)
    data = LengthDistribution.from_lengths([1024] * 16, "made up", "text", "nowhere")

    found = advise_run(rows, data, Wanted("memory", batch_size=batch_size))

    assert 0.03 < found["holdout_error"] < 0.06
    assert found["verdict"] == "cannot_tell"


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_batch_is_known_to_as_many_mib_as_it_has_samples(batch_size):
    found = peak_at(400, batch_size)

    (peak,) = found.per_sample
    assert peak == pytest.approx(50.0 + batch_size * 40.0)
    assert found.extrapolation_error == pytest.approx(np.log1p(batch_size / peak))
    assert found.error_scale == pytest.approx(batch_size * 90.0 / peak)


def test_beside_the_measured_lengths_a_batch_may_be_off_by_what_all_of_its_samples_may_be():
    def off_mib(batch_size: int) -> float:
        found = peak_at(800, batch_size)
        return float(found.per_sample[0] * np.expm1(found.extrapolation_error))

    assert off_mib(8) == pytest.approx(8 * off_mib(1), rel=0.02)


def test_where_nothing_is_loaded_a_batch_is_known_as_well_as_one_sample():
    assert peak_at(400, 8, loaded=0.0).error_scale == pytest.approx(1.0)


MODEL, STATE, GRADIENTS = 420.0, 840.0, 420.0  # MiB of a hundred million weights
CONSTANT = MODEL + STATE + GRADIENTS


def trained(**fields: Any) -> list[dict[str, Any]]:
    """Return rows of a training, about a MiB a token above model, state and gradients.

    Args:
        fields: What else is in the rows.
    """
    rows = with_peaks(lambda n: CONSTANT + n, lambda n: CONSTANT + 0.8 * n, MODEL)
    return [row | {"phase": "training"} | fields for row in rows]


@pytest.mark.parametrize(("phase", "once"), [("training", MODEL + STATE), ("inference", MODEL)])
def test_the_state_of_the_optimiser_counts_once_however_large_the_batch(phase, once):
    rows = trained(phase=phase)
    newest = find_newest(rows, "text", phase)
    assert newest
    wanted = Wanted("memory", phase, 8)
    data = LengthDistribution.from_lengths([1024] * 8, "made up", "text", "nowhere")

    found = advise_run(rows, data, wanted)

    assert [each.loaded for each in measure(newest, wanted)] == pytest.approx([once, once])
    named = [{**found, **found["recommended"]}, *found["alternatives"]]
    peaks = {each["variant"]: each["peak_memory_mib"] for each in named}
    assert peaks["bert"] == pytest.approx(once + 8 * (CONSTANT + 1024 - once), rel=0.01)


def test_the_state_is_that_of_the_weights_whatever_steps_show_of_it_beside_activations():
    rows = [
        # The first step has its peak at its end or, with large activations, in the middle.
        row | {"first_step_peak_mib": max(row["peak_memory_mib"] - STATE - GRADIENTS, CONSTANT)}
        for row in with_peaks(
            lambda n: CONSTANT + 0.2 * n + 1.5e-4 * n**2, lambda n: CONSTANT + 0.2 * n, MODEL
        )
    ]
    trained_rows = [row | {"phase": "training"} for row in rows]
    data = LengthDistribution.from_lengths([1024] * 8, "made up", "text", "nowhere")

    found = advise_run(trained_rows, data, Wanted("memory", "training", 8))

    assert (found["verdict"], found["recommended"]["variant"]) == ("saves", "local_bert")


def test_no_more_counts_once_than_the_least_step_needed():
    rows = [row | {"phase": "training"} for row in CROSSING]  # not even a state fits into these
    newest = find_newest(rows, "text", "training")
    assert newest

    for each in measure(newest, Wanted("memory", "training", 8)):
        assert each.loaded == min(row["peak_memory_mib"] for row in each.points[64])


@pytest.mark.parametrize(
    ("budget_gib", "fits"),
    [(8.0, True), (6.0, True), (9.0, False), (None, False)],
)
def test_what_a_run_saw_fit_into_no_more_memory_is_not_refused_for_a_foreseen_peak(
    budget_gib, fits
):
    seen = {"largest_batch_size": 16, "memory_budget_gib": budget_gib}
    wanted = Wanted("throughput", "training", 8, budget_gib=8.0)
    data = lengths_around(700)

    found = advise_run(trained(**seen), data, wanted)

    assert (found["verdict"] != "nothing_fits") == fits
    many = LengthDistribution.from_lengths([700] * 64, "made up", "text", "nowhere")
    larger = replace(wanted, batch_size=32)
    assert advise_run(trained(**seen), many, larger)["verdict"] == "nothing_fits"
    longer = lengths_around(3000)  # than any length that ran
    assert advise_run(trained(**seen), longer, wanted)["verdict"] == "nothing_fits"


@pytest.mark.parametrize(
    ("ratio", "ratio_of_batch", "fits"),
    [(1.1, 1.2, True), (1.1, None, False), (None, None, True)],  # the last one takes no masks
)
def test_a_batch_that_ran_out_of_memory_with_a_mask_is_not_seen_to_fit(ratio, ratio_of_batch, fits):
    rows = trained(
        metrics=["latency", "throughput", "memory", "masked_steps"],
        **{"masked_step_ratio": ratio, "throughput_masked_step_ratio": ratio_of_batch},
        **{"largest_batch_size": 16, "memory_budget_gib": 8.0},
    )
    wanted = Wanted("throughput", "training", 8, budget_gib=8.0)

    found = advise_run(rows, lengths_around(700), wanted)

    assert (found["verdict"] != "nothing_fits") == fits


def test_a_batch_is_not_seen_to_fit_where_one_visit_ran_out_of_memory():
    out = {"status": "oom", "largest_batch_size": None, "throughput_samples_per_s": None}
    rows = [
        row | out if row["visit"] == 2 else row
        for row in trained(largest_batch_size=16, memory_budget_gib=8.0)
    ]
    wanted = Wanted("throughput", "training", 8, budget_gib=8.0)

    assert advise_run(rows, lengths_around(700), wanted)["verdict"] == "nothing_fits"


def test_where_nothing_fits_it_is_said_that_memory_is_counted_once_per_sample():
    wanted = Wanted("throughput", "training", 8, budget_gib=1.0)

    found = advise_run(trained(), lengths_around(700), wanted)

    assert found["verdict"] == "nothing_fits"
    assert any("counts once per sample" in note for note in found["notes"])


def test_the_memory_that_a_batch_did_not_fit_into_is_named():
    limited: dict[str, Any] = {"largest_batch_size": 4, "largest_batch_limited_by": "memory"}
    rows = trained(**limited, memory_budget_gib=8.0)

    found = advise_run(rows, lengths_around(700), Wanted("throughput", "training", 8))

    problems = {problem for each in found["alternatives"] for problem in each["problems"]}
    assert problems == {"a batch of 8 at 64 did not fit into memory (8 GiB)"}


def test_memory_of_padded_batches_is_said_to_be_without_their_masks():
    def is_said(wanted: Wanted) -> bool:
        notes = advise_run(CROSSING, lengths_around(1300), wanted)["notes"]
        return any("memory was measured without a mask of padding" in note for note in notes)

    assert is_said(Wanted("memory", batch_size=8))
    assert is_said(Wanted("throughput", batch_size=8, budget_gib=9.0))
    assert not is_said(Wanted("memory"))  # one sample at a time, each at its own length
    assert not is_said(Wanted("throughput", batch_size=8))
