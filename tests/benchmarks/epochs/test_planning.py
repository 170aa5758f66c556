"""What is foreseen of an epoch: its batches, and which of its steps are run."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answers.epoch_runs.planning import Amount, draw_steps
from datamodules.batching.policies import PaddedBatch, padded_batches, suggest_edges
from profiling.advising.contenders import Wanted
from tests.samples.epochs import DATA, parts
from tests.samples.rows.advising import linear_law, vanilla_law


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
