"""Advice on memory in batches, foreseen from single samples: what counts once, and what not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Wanted
from profiling.advising.costs.fitting import Observation, fit_cost_model
from profiling.advising.costs.tokens import Tokens
from profiling.advising.data_cost import DataCost, peak_of_plan
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
