"""Epochs, foreseen and measured: which steps are run, with which masks, and what that tells."""

import json
import math
from collections import Counter
from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answers import epochs
from benchmarks.answers.epoch_runs.anchors import Anchor, as_of_now, drift_of, find_anchors
from benchmarks.answers.epoch_runs.batches import make_batch
from benchmarks.answers.epoch_runs.child import in_turn, run_epochs
from benchmarks.answers.epoch_runs.judging import (
    beside,
    best,
    by_question,
    corrected_error,
    measured_whole,
    raw_error,
    regret,
)
from benchmarks.answers.epoch_runs.planning import Amount, draw_steps, foresee, plan_part
from benchmarks.answers.epoch_runs.tables import as_markdown, summary_table
from benchmarks.answers.epoch_runs.tasks import EpochTask, task_of
from datamodules.batching.policies import PaddedBatch, padded_batches, suggest_edges
from datamodules.geometry import samples_for_frames
from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import find_candidates
from profiling.advising.contenders import Wanted, measure, newest_group
from profiling.errors import SettingsError
from profiling.rows.columns import Row
from tests.samples.rows.advising import keyed_rows_of, linear_law, vanilla_law
from tests.samples.rows.runs import write_run
from tests.samples.variants.costs import point_of
from tests.samples.variants.points import CONDITIONS

DATA = LengthDistribution(
    "made up", "text", "tokens", (70, 90, 130, 300, 520), (9, 7, 5, 4, 2), "nowhere"
)
EVERYTHING = Amount(most_steps=10**6, seconds=10**6)
ENOUGH = replace(CONDITIONS, allocator="system", memory_budget_gib=4.0, seed=3)


def rows():
    more = {**asdict(ENOUGH), "batch_source": "synthetic", "max_length": 2048}
    vanilla = keyed_rows_of("bert", "sdpa", vanilla_law, noise=0.0)
    local = keyed_rows_of("local_bert", "local_blocked", linear_law, noise=0.0)
    return [*(row | more for row in vanilla),
            *(row | more | {"attention_window": 32} for row in local)]  # fmt: skip


def parts(wanted: Wanted, amount: Amount = EVERYTHING, data: LengthDistribution = DATA):
    found = newest_group(rows(), "text", "inference")
    assert found
    candidates = find_candidates(measure(found[1], "text", wanted), data, wanted)
    return [plan_part(each, data, wanted, amount) for each in candidates], found[1]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_whole_epoch_has_the_batches_of_its_policy(batch_size):
    planned, _ = parts(Wanted("throughput", "inference", batch_size))

    lengths = [value for value, n in zip(DATA.values, DATA.counts, strict=True) for _ in range(n)]
    edges = suggest_edges(DATA.values, DATA.counts, 8)
    policies = {each.candidate.plan.policy for each in planned}
    assert policies >= {"pad_to_maximum", "dynamic"}
    assert ("buckets" in policies) == (batch_size > 1)
    for each in planned:
        policy = each.candidate.plan.policy
        assert Counter(each.steps) == Counter(
            padded_batches(lengths, policy, batch_size, None, edges)
        )
        assert each.predicted == pytest.approx(each.candidate.mean_cost)


def test_what_is_foreseen_of_some_steps_is_the_law_over_just_these():
    planned, _ = parts(Wanted("throughput", "inference", 4), Amount(3, 10.0))

    for each in planned:
        assert len(each.steps) == 3
        law = vanilla_law if each.candidate.measured.contender.variant == "bert" else linear_law
        steps = [0.5 + len(s.lengths) * law(s.padded_length) for s in each.steps]
        samples = sum(len(step.lengths) for step in each.steps)
        assert each.predicted == pytest.approx(sum(steps) / samples, rel=1e-6)


def test_slow_steps_are_few_and_quick_ones_no_more_than_asked_for():
    slow, _ = parts(Wanted("latency", "inference", 1), Amount(20, 1e-9))
    quick, _ = parts(Wanted("latency", "inference", 1), Amount(20, 1e9))

    assert {len(each.steps) for each in slow} == {3}
    assert {len(each.steps) for each in quick} == {20}


BATCHES = st.lists(st.integers(1, 999), min_size=1, max_size=80).map(
    lambda lengths: [PaddedBatch((n,), float(n)) for n in lengths]
)


@given(BATCHES, st.integers(1, 30), st.integers(0, 5))
def test_steps_are_drawn_without_repetition_and_evenly_over_their_size(batches, most, seed):
    drawn = draw_steps(batches, most, seed)

    assert len(drawn) == min(most, len(batches))
    assert not Counter(drawn) - Counter(batches)
    assert drawn == draw_steps(batches, most, seed)
    ordered = sorted(each.padded_length for each in batches)
    every = len(batches) / len(drawn)
    for place, found in enumerate(sorted(each.padded_length for each in drawn)):
        assert ordered[int(place * every)] <= found
        assert found <= ordered[min(math.ceil((place + 1) * every), len(ordered)) - 1]


def test_chance_draws_every_step_with_one_seed_or_another():
    batches = [PaddedBatch((n,), float(n)) for n in range(1, 41)]

    drawn = {step for seed in range(100) for step in draw_steps(batches, 4, seed)}

    assert drawn == set(batches)


def slowed(points, factor):
    return {
        length: [row | {"latency_ms": factor * row["latency_ms"]} for row in rows]
        for length, rows in points.items()
    }


def test_anchors_reach_to_the_measured_length_above_the_longest_step():
    planned, contenders = parts(Wanted("latency", "inference", 1))
    mine = [each for each in planned if each.candidate.measured.contender.variant == "bert"]
    (contender,) = [each for each in contenders if each.variant == "bert"]
    points = contenders[contender]

    task = task_of(contender, points, mine, Amount(rounds=4))

    lengths = [each.length for each in task.anchors]
    assert lengths == sorted(length for length in points if length <= min(
        length for length in points if length >= 520
    ))  # fmt: skip
    assert (task.point.length, task.point.max_length, task.rounds) == (max(lengths), 2048, 4)
    assert task.point.conditions == ENOUGH
    for anchor in task.anchors:
        assert anchor.batch_size == 1
        assert anchor.before == pytest.approx(0.5 + vanilla_law(anchor.length))


def test_larger_batches_are_anchors_where_the_epoch_has_any():
    _, contenders = parts(Wanted("throughput", "inference", 4))
    points = next(iter(contenders.values()))

    sizes = {
        row["throughput_batch_size"] for rows in points.values() for row in rows
    }  # of the sweep
    assert {each.batch_size for each in find_anchors(points, 520, 4)} == {1, *sizes}
    assert {each.batch_size for each in find_anchors(points, 520, 1)} == {1}


def test_slow_anchors_are_read_once_and_the_slowest_never():
    _, contenders = parts(Wanted("latency", "inference", 1))
    points = next(iter(contenders.values()))
    longest = max(points)
    factor = 5000.0 / points[longest][0]["latency_ms"]

    anchors = find_anchors(slowed(points, factor), longest, 1)

    assert longest not in {each.length for each in anchors}
    assert all((each.readings == 1) == (each.before > 200) for each in anchors)
    assert {each.readings for each in anchors} == {1, 3}
    (only,) = find_anchors(slowed(points, 1e6), longest, 1)
    assert only.length == min(points)


def test_drift_is_the_mean_of_now_over_the_sweep():
    anchors = (Anchor(64, 1, 3, 10.0), Anchor(64, 4, 1, 50.0))

    drift = drift_of(anchors, [[0.010, 0.020], [0.025]])

    assert drift == {(64, 1): pytest.approx(1.5), (64, 4): pytest.approx(0.5)}


@pytest.mark.parametrize("batch_size", [1, 4])
def test_what_is_foreseen_now_follows_every_step_of_the_sweep(batch_size):
    wanted = Wanted("throughput" if batch_size > 1 else "latency", "inference", batch_size)
    planned, contenders = parts(wanted)
    for epoch in planned:
        contender = epoch.candidate.measured.contender
        points = contenders[contender]
        anchors = find_anchors(points, max(points), batch_size)
        same = as_of_now(points, {each.step: 1.0 for each in anchors})
        twice = as_of_now(points, {each.step: 2.0 for each in anchors})
        for now, factor in ((same, 1.0), (twice, 2.0)):
            (measured,) = measure({contender: now}, "text", wanted)
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


def test_a_run_of_real_batches_is_refused():
    planned, contenders = parts(Wanted("latency", "inference", 1))
    contender, points = next(iter(contenders.items()))
    real = {n: [row | {"batch_source": "real"} for row in v] for n, v in points.items()}

    with pytest.raises(SettingsError, match="must have measured synthetic batches, got real ones"):
        task_of(contender, real, planned, EVERYTHING)


def test_a_text_is_masked_behind_its_end():
    point = point_of("text", "bert", "sdpa")
    batch = make_batch(point, PaddedBatch((5, 12, 1), 12.0))

    assert batch["attention_mask"].sum(1).tolist() == [5, 12, 1]
    assert batch["input_ids"].shape == batch["labels"].shape == (3, 12)
    padded = batch["attention_mask"] == 0
    assert bool((batch["input_ids"][padded] == 0).all())
    assert bool((batch["labels"][padded] == -100).all())
    assert bool((batch["input_ids"][~padded] != 0).all())


def test_speech_is_masked_in_samples_and_no_padding_is_predicted():
    point = point_of("speech", "hubert", "sdpa")
    batch = make_batch(point, PaddedBatch((30, 47), 60.0))

    ends = [samples_for_frames(30), samples_for_frames(47)]
    assert batch["attention_mask"].sum(1).tolist() == ends
    assert batch["input_values"].shape == (2, samples_for_frames(60))
    for row, (end, frames) in enumerate(zip(ends, (30, 47), strict=True)):
        assert not batch["input_values"][row, end:].any()
        assert not batch["mask_time_indices"][row, frames:].any()
        assert batch["mask_time_indices"][row, :frames].any()


def test_where_nothing_is_padded_there_is_no_mask():
    text = make_batch(point_of("text", "bert", "sdpa"), PaddedBatch((9, 9), 9.0))
    images = make_batch(point_of("vision", "vit", "sdpa"), PaddedBatch((50, 33), 50.0))

    assert "attention_mask" not in text
    assert images["pixel_values"].shape == (2, 3, 64, 64)
    assert "attention_mask" not in images


def test_short_samples_are_padded_to_what_the_variant_takes():
    point = point_of("text", "nystromformer", "library")
    batch = make_batch(point, PaddedBatch((20, 31), 31.0))

    assert batch["input_ids"].shape == (2, 65)
    assert batch["attention_mask"].sum(1).tolist() == [20, 31]


def test_packed_samples_arrive_padded_to_the_longest():
    batch = make_batch(point_of("text", "bert", "sdpa"), PaddedBatch((20, 31), 25.5))

    assert batch["attention_mask"].sum(1).tolist() == [20, 31]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_every_step_of_every_epoch_is_run_once(phase, monkeypatch):
    seen = []
    original = torch.nn.Module.__call__

    def watch(self, *arguments, **batch):
        if type(self).__name__ == "LocalBertModule":
            seen.append((len(batch["input_ids"]), batch["input_ids"].shape[1]))
        return original(self, *arguments, **batch)

    point = point_of("text", "local_bert", "local_blocked", phase, 24, attention_window=8)
    point = replace(point, conditions=replace(point.conditions, allocator="system"))
    first = tuple(PaddedBatch((n,), float(n)) for n in (11, 13, 17))
    second = (PaddedBatch((19, 20), 24.0), PaddedBatch((18, 21), 24.0))
    anchors = (Anchor(12, 1, 3, 1.0), Anchor(14, 2, 1, 900.0))
    task = EpochTask(point, anchors, (first, second), rounds=2)
    monkeypatch.setattr(torch.nn.Module, "__call__", watch)
    # A limit of memory cannot be taken back, and this is no child.
    monkeypatch.setattr("benchmarks.answers.epoch_runs.child.prepare_process", lambda point: None)

    (found,) = run_epochs(task)

    assert [len(each) for each in found["seconds"]] == [3, 2]
    assert all(value > 0 for each in found["seconds"] for value in each)
    assert [len(each) for each in found["anchors"]] == [2 * 3, 2]
    times = Counter(seen)
    assert times[1, 12] == 1 + 2 * 4  # a quick anchor: once before, and four times in each turn
    assert times[2, 14] == 1 + 2  # a slow one: once before, and once in each turn
    assert (times[1, 11], times[1, 13], times[1, 17]) == (2, 2, 2)  # each shape once before
    # The largest shape once more, for the check at the end.
    assert times[2, 24] == 1 + 2 + 1


def test_each_turn_begins_with_another_epoch():
    assert [in_turn(3, number) for number in range(3)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]


def result(variant: str, policy: str, measured: float, **fields):
    return {
        "data": "reviews",
        "modality": "text",
        "phase": "inference",
        "objective": "throughput",
        "batch_size": 4,
        "variant": variant,
        "implementation": "sdpa",
        "attention_window": None,
        "policy": policy,
        "steps": 3,
        "steps_of_epoch": 9,
        "predicted": measured,
        "predicted_now": measured,
        "measured": measured,
        "predicted_whole": measured,
        "extrapolated_share": 0.0,
        "beside_batches_share": 0.0,
        "recommended": False,
        "verdict": "saves",
    } | fields


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


def test_a_run_is_measured_and_written_from_end_to_end(tmp_path, capsys):
    few = LengthDistribution("few", "text", "tokens", (66, 80, 100), (2, 2, 1), "nowhere")
    few.to_json(tmp_path / "few.json")
    tiny = [row | {"size": "tiny"} for row in rows()]
    directory = write_run(tmp_path / "run", tiny)
    given = [str(directory), "--lengths", str(tmp_path / "few.json"), "--out"]
    given += [str(tmp_path / "epochs"), "--phases", "inference", "--rounds", "2"]

    assert epochs.main(given) == 0

    told = capsys.readouterr().out
    (run,) = json.loads((tmp_path / "epochs.json").read_text()).values()
    assert as_markdown(run) in (tmp_path / "epochs.md").read_text()
    assert "few, inference: " in told
    ran = Counter((each["objective"], each["variant"]) for each in run["results"])
    assert ran["latency", "bert"] == 2
    assert ran["throughput", "local_bert"] == 3
    assert sum(each["recommended"] for each in run["results"]) == len(by_question(run["results"]))


def test_lengths_of_several_modalities_are_refused_in_one_sentence(tmp_path, capsys):
    directory = write_run(tmp_path / "run", rows())
    DATA.to_json(tmp_path / "text.json")
    speech = LengthDistribution("talk", "speech", "frames", (50,), (1,), "nowhere")
    speech.to_json(tmp_path / "speech.json")
    names = [str(tmp_path / "text.json"), str(tmp_path / "speech.json")]

    assert epochs.main([str(directory), "--lengths", *names]) == 2
    assert "`lengths` must all be of one modality" in capsys.readouterr().err
