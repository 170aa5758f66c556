"""Batches by seconds: within the budget, complete, the same for any number of processes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.batching.orders import Processes
from datamodules.batching.seconds_batches import EvaluationBatches, TrainingBatches, frames_of
from datamodules.errors import DataError

FRAMES = st.lists(st.integers(20, 300), min_size=1, max_size=120)


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


def positions(draws):
    return [place for draw in draws for place in draw.positions]


@given(FRAMES, st.integers(300, 3000), st.integers(0, 5))
def test_one_process_sees_every_utterance_once_within_the_budget(frames, budget, epoch):
    sampler = TrainingBatches(frames, budget, seed=3)
    draws = epoch_of(sampler, epoch)
    assert sorted(positions(draws)) == list(range(len(frames)))
    assert len(draws) == len(sampler)
    for draw in draws:
        lengths = [frames[place] for place in draw.positions]
        assert (draw.shortest, draw.longest) == (min(lengths), max(lengths))
        assert len(lengths) * draw.longest <= budget
        assert draw.epoch == epoch


@given(
    st.lists(st.integers(20, 300), min_size=4, max_size=120), st.integers(2, 4), st.integers(0, 3)
)
def test_processes_share_the_batches_that_one_process_would_have(frames, count, epoch):
    budget = 300 * count + 77
    one = TrainingBatches(frames, budget, seed=1)
    whole = epoch_of(one, epoch)
    samplers = [TrainingBatches(frames, budget, 1, Processes(count, rank)) for rank in range(count)]
    shares = [epoch_of(sampler, epoch) for sampler in samplers]
    assert {len(share) for share in shares} == {len(samplers[0])}
    assert len(samplers[0]) >= 1
    steps = list(zip(*shares, strict=True))
    together = [sorted(positions(step)) for step in steps]
    if all(len(draw.positions) >= count for draw in whole):
        assert together == [sorted(draw.positions) for draw in whole]
    seen = sum(together, [])
    assert len(set(seen)) == len(seen) > len(frames) - count * len(one.buckets)
    for step in steps:
        sizes = [len(draw.positions) for draw in step]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 1
        assert sum(sizes) * step[0].longest <= budget
        assert len({(draw.shortest, draw.longest) for draw in step}) == 1


@pytest.mark.parametrize("num_utterances", [9, 12, 20, 23])
def test_a_small_budget_leaves_out_fewer_utterances_than_there_are_processes(num_utterances):
    seen = [
        positions(epoch_of(TrainingBatches([100] * num_utterances, 800, 0, Processes(8, rank)), 0))
        for rank in range(8)
    ]
    assert num_utterances - len(sum(seen, [])) < 8


@given(
    st.lists(st.integers(20, 300), min_size=4, max_size=60), st.integers(2, 4), st.integers(2, 4)
)
def test_orders_of_one_identity_have_the_same_batches_for_any_number_of_processes(
    frames, count, other
):
    def global_batches(count):
        samplers = [
            TrainingBatches(frames, 300 * 4, 1, Processes(count, rank)) for rank in range(count)
        ]
        steps = zip(*(epoch_of(sampler, 2) for sampler in samplers), strict=True)
        return samplers[0].identity, [sorted(positions(step)) for step in steps]

    (mine, batches), (others, expected) = global_batches(count), global_batches(other)
    assert (mine == others) <= (batches == expected)


def test_few_long_utterances_have_an_order_of_their_own_for_more_processes():
    alone, shared = (TrainingBatches([100] * 4, 300, 0, Processes(count)) for count in (1, 3))
    assert (len(alone), len(shared)) == (2, 1)
    assert alone.identity != shared.identity
    usual = (TrainingBatches([100] * 60, 300, 0, Processes(count)).identity for count in (1, 3))
    assert len(set(usual)) == 1


def test_fewer_utterances_than_processes_are_refused():
    with pytest.raises(DataError, match="a training recording for each of 2 processes, got 1"):
        TrainingBatches([100], 1000, 0, Processes(2, 0))


def test_processes_take_the_batches_in_the_same_order_as_one_process():
    frames = [100 + index for index in range(64)]
    whole = epoch_of(TrainingBatches(frames, 2000, seed=1), 2)
    shares = [epoch_of(TrainingBatches(frames, 2000, 1, Processes(2, rank)), 2) for rank in (0, 1)]
    for draw, *step in zip(whole, *shares, strict=True):
        assert sorted(draw.positions) == sorted(positions(step))


def test_every_epoch_and_every_seed_has_other_batches():
    frames = [100 + index % 7 for index in range(90)]
    epochs = [positions(epoch_of(TrainingBatches(frames, 1000, seed=0), epoch)) for epoch in (0, 1)]
    other = positions(epoch_of(TrainingBatches(frames, 1000, seed=1), 0))
    again = positions(epoch_of(TrainingBatches(frames, 1000, seed=0), 0))
    assert epochs[0] == again
    assert epochs[0] != epochs[1]
    assert epochs[0] != other
    composed = [
        {frozenset(draw.positions) for draw in epoch_of(TrainingBatches(frames, 1000, 0), epoch)}
        for epoch in (0, 1)
    ]
    assert composed[0] != composed[1]


def test_utterances_of_a_batch_are_of_similar_length():
    frames = [100 + index % 680 for index in range(5000)]
    for draw in epoch_of(TrainingBatches(frames, 4375, seed=0), 0):
        assert draw.shortest >= 0.7 * draw.longest


def test_an_utterance_longer_than_the_budget_is_named_in_seconds():
    with pytest.raises(DataError, match="`batch_seconds` must be at least 6.00, .* got 5.00"):
        TrainingBatches([300, 20], 250, seed=0)
    with pytest.raises(DataError, match="at least 12.00, the longest utterance in each of 2 proc"):
        TrainingBatches([300, 20], 350, 0, Processes(2, 0))


@given(FRAMES, st.integers(1, 900), st.integers(1, 4))
def test_evaluation_sees_every_utterance_once_on_some_process(frames, budget, count):
    shares = [EvaluationBatches(frames, budget, Processes(count, rank)) for rank in range(count)]
    draws = [list(share) for share in shares]
    seen = [place for share in draws for place in positions(share)]
    assert sorted(seen) == list(range(len(frames)))
    assert {len(share) for share in draws} == {len(shares[0])}
    for draw in [draw for share in draws for draw in share]:
        lengths = [frames[place] for place in draw.positions]
        assert len(lengths) <= 1 or len(lengths) * max(lengths) <= budget


def test_evaluation_is_the_same_in_every_epoch():
    sampler = EvaluationBatches([30, 50, 20, 50], 100)
    assert epoch_of(sampler, 0) == epoch_of(sampler, 5)


@given(st.integers(20, 5000))
def test_the_least_budget_that_an_error_names_is_accepted(frames):
    with pytest.raises(DataError) as refused:
        TrainingBatches([frames], frames - 1, seed=0)
    (seconds,) = re.findall(r"at least ([\d.]+)", str(refused.value))
    assert len(TrainingBatches([frames], frames_of(float(seconds)), seed=0)) == 1
