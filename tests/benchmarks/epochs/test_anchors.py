"""Steps of the sweep, run again beside an epoch: they tell how the machine has changed."""

from dataclasses import replace

import pytest

from benchmarks.answers.epoch_runs.anchors import Anchor, as_of_now, drift_of, find_anchors
from benchmarks.answers.epoch_runs.planning import Amount, foresee
from benchmarks.answers.epoch_runs.tasks import memory_point, task_of, validate_run
from profiling.advising.contenders import Wanted, measure
from profiling.advising.newest import find_newest
from profiling.errors import SettingsError
from profiling.rows.columns import Row
from tests.samples.epochs import ENOUGH, EVERYTHING, parts, rows
from tests.samples.rows.advising import vanilla_law


def slowed(points, factor):
    return {
        length: [row | {"latency_ms": factor * row["latency_ms"]} for row in rows]
        for length, rows in points.items()
    }


def test_anchors_reach_to_the_measured_length_above_the_longest_step():
    planned, newest = parts(Wanted("latency", "inference", 1))
    mine = [each for each in planned if each.candidate.measured.contender.variant == "bert"]
    (contender,) = [each for each in newest.contenders if each.variant == "bert"]
    points = newest.contenders[contender]

    task = task_of(contender, newest, mine, Amount(rounds=4))

    lengths = [each.length for each in task.anchors]
    assert lengths == sorted(length for length in points if length <= min(
        length for length in points if length >= 520
    ))  # fmt: skip
    assert (task.point.length, task.point.max_length, task.rounds) == (520, 2048, 4)
    assert task.point.conditions == ENOUGH
    for anchor in task.anchors:
        assert anchor.batch_size == 1
        assert anchor.before == pytest.approx(0.5 + vanilla_law(anchor.length))


def test_positions_reach_to_the_longest_anchor_and_for_memory_no_further_than_in_the_sweep():
    planned, newest = parts(Wanted("latency", "inference", 1))
    epoch = planned[0]
    older = find_newest([row | {"max_length": None} for row in rows()], "text", "inference")
    assert older

    point = task_of(epoch.candidate.measured.contender, older, [epoch], EVERYTHING).point

    assert (point.length, point.max_length) == (520, 1024)
    assert memory_point(epoch, older) == replace(point, max_length=520)
    assert memory_point(epoch, newest) == replace(point, max_length=2048)


def test_larger_batches_are_anchors_where_the_epoch_has_any():
    _, newest = parts(Wanted("throughput", "inference", 4))
    points = next(iter(newest.contenders.values()))

    sizes = {
        row["throughput_batch_size"] for rows in points.values() for row in rows
    }  # of the sweep
    assert {each.batch_size for each in find_anchors(points, newest.efforts, 520, 4)} == {1, *sizes}
    assert {each.batch_size for each in find_anchors(points, newest.efforts, 520, 1)} == {1}


def test_slow_anchors_are_read_once_and_the_slowest_never():
    _, newest = parts(Wanted("latency", "inference", 1))
    points = next(iter(newest.contenders.values()))
    longest = max(points)
    factor = 5000.0 / points[longest][0]["latency_ms"]

    anchors = find_anchors(slowed(points, factor), newest.efforts, longest, 1)

    assert longest not in {each.length for each in anchors}
    assert all((each.readings == 1) == (each.before > 200) for each in anchors)
    assert {each.readings for each in anchors} == {1, 3}
    (only,) = find_anchors(slowed(points, 1e6), newest.efforts, longest, 1)
    assert only.length == min(points)


def test_drift_is_the_mean_of_now_over_the_sweep():
    anchors = (Anchor(64, 1, 3, 10.0), Anchor(64, 4, 1, 50.0))

    drift = drift_of(anchors, [[0.010, 0.020], [0.025]])

    assert drift == {(64, 1): pytest.approx(1.5), (64, 4): pytest.approx(0.5)}


@pytest.mark.parametrize("batch_size", [1, 4])
def test_what_is_foreseen_now_follows_every_step_of_the_sweep(batch_size):
    wanted = Wanted("throughput" if batch_size > 1 else "latency", "inference", batch_size)
    planned, newest = parts(wanted)
    for epoch in planned:
        contender = epoch.candidate.measured.contender
        points = newest.contenders[contender]
        anchors = find_anchors(points, newest.efforts, max(points), batch_size)
        same = as_of_now(points, {each.step: 1.0 for each in anchors})
        twice = as_of_now(points, {each.step: 2.0 for each in anchors})
        for now, factor in ((same, 1.0), (twice, 2.0)):
            (measured,) = measure(replace(newest, contenders={contender: now}), wanted)
            assert foresee(epoch, measured) == pytest.approx(factor * epoch.predicted)


def test_a_step_without_an_anchor_drifts_as_the_nearest_one():
    row: Row = {
        "latency_ms": 8.0,
        "masked_step_ratio": 1.2,
        "throughput_batch_size": 4,
        "throughput_samples_per_s": 100.0,
        "throughput_latency_ms_samples": [40.0, 42.0],
    }
    drift = {(64, 1): 2.0, (64, 4): 4.0, (512, 1): 0.5}

    now = as_of_now({64: [row], 4096: [row]}, drift)

    (short,), (long,) = now[64], now[4096]
    assert short["latency_ms"] == 16.0
    assert short["throughput_samples_per_s"] == 25.0
    assert short["throughput_latency_ms_samples"] == [160.0, 168.0]
    assert short["masked_step_ratio"] == 1.2
    assert long["latency_ms"] == 4.0
    assert row["latency_ms"] == 8.0


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"batch_source": "real"}, "must have measured synthetic batches, got real ones"),
        ({"precision": "bf16-true"}, "measured in precision 32-true, got bf16-true"),
    ],
)
def test_a_run_whose_steps_cannot_be_made_here_is_refused(told, sentence):
    _, newest = parts(Wanted("latency", "inference", 1))

    validate_run(newest)
    with pytest.raises(SettingsError, match=sentence):
        validate_run(replace(newest, rows=[row | told for row in newest.rows]))


@pytest.mark.parametrize(("compiled", "graphed"), [(True, False), (False, True)])
def test_a_kernel_is_run_as_the_sweep_treated_it(compiled, graphed):
    planned, newest = parts(Wanted("latency", "inference", 1))
    contender, points = next(iter(newest.contenders.items()))
    treatment = {"compiled": compiled, "graphed": graphed}
    treated = {n: [row | treatment for row in v] for n, v in points.items()}
    mine = [each for each in planned if each.candidate.measured.contender == contender]

    as_it_was = task_of(contender, newest, mine, EVERYTHING).point
    point = task_of(
        contender, replace(newest, contenders={contender: treated}), mine, EVERYTHING
    ).point
    assert point == replace(as_it_was, compiled=compiled, graphed=graphed)


def test_an_anchor_is_what_the_sweep_measured_of_it_last():
    first = rows()
    again = [
        row | {"min_samples": 9, "latency_ms": 3 * row["latency_ms"]}
        for row in first
        if row["sequence_length"] == 64
    ]
    newest = find_newest([*first, *again], "text", "inference")
    assert newest
    (points,) = [each for found, each in newest.contenders.items() if found.variant == "bert"]

    anchors = {each.length: each for each in find_anchors(points, newest.efforts, 520, 1)}

    assert anchors[64].before == pytest.approx(3 * (0.5 + vanilla_law(64)))
    assert anchors[128].before == pytest.approx(0.5 + vanilla_law(128))
