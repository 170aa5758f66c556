"""What measured epochs say of what was foreseen and recommended."""

import pytest

from benchmarks.answers.epoch_runs.judging import (
    beside,
    best,
    by_question,
    corrected_error,
    measured_whole,
    raw_error,
    regret,
)
from benchmarks.answers.epoch_runs.tables import summary_table
from tests.samples.epochs import result


def test_regret_is_what_the_recommended_one_costs_more_than_the_cheapest():
    cheap, dear = result("bert", "dynamic", 10.0), result("bert", "buckets", 30.0)
    taken = result("longformer", "dynamic", 12.5, recommended=True)

    assert regret([dear, taken, cheap]) == pytest.approx(0.25)
    assert regret([cheap | {"recommended": True}, dear]) == 0
    assert regret([cheap, dear]) is None
    assert best([dear, taken, cheap])["policy"] == "dynamic"


def test_regret_is_of_the_whole_epoch_and_not_of_the_steps_that_were_drawn():
    # Short steps were drawn of the first: its epoch is foreseen twice as dear as they are.
    lucky = result("bert", "dynamic", 8.0, predicted=10.0, predicted_whole=20.0, recommended=True)
    other = result("bert", "buckets", 12.0)

    assert measured_whole(lucky) == pytest.approx(16.0)
    assert regret([lucky, other]) == pytest.approx(16 / 12 - 1)


def test_the_corrected_error_is_that_of_the_machine_as_it_was():
    slow = result("bert", "dynamic", 15.0, predicted=10.0, predicted_now=15.0)

    assert raw_error(slow) == pytest.approx(-1 / 3)
    assert corrected_error(slow) == pytest.approx(0.0)


def test_questions_are_told_apart_and_extrapolation_is_named():
    fine = result("bert", "dynamic", 1.0)
    several = [fine, fine | {"phase": "training"}, fine | {"batch_size": 1}, fine]

    assert sorted(map(len, by_question(several))) == [1, 1, 2]
    assert beside(fine | {"extrapolated_share": 0.04, "beside_batches_share": 0.06}) == ["batch"]
    assert beside(fine | {"extrapolated_share": 0.06}) == ["length"]


def test_the_table_names_the_best_and_the_regret():
    group = [
        result("bert", "dynamic", 10.0),
        result("longformer", "buckets", 12.5, recommended=True, predicted=10.0),
    ]
    told = summary_table(group)[2]

    assert "longformer sdpa, buckets | saves | bert sdpa, dynamic | " in told
