"""Batches of a number of samples: complete, the same for any number of processes."""

from hypothesis import given
from hypothesis import strategies as st

from datamodules.batching.counted_batches import InOrder, LengthBuckets
from datamodules.batching.orders import Processes

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=90)
SIZE = st.integers(1, 7)
COUNT = st.integers(1, 4)


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


def positions(draws):
    return [place for draw in draws for place in draw.positions]


@given(LENGTHS, SIZE, st.integers(0, 3))
def test_every_sample_is_seen_once_in_batches_of_the_asked_size(lengths, size, epoch):
    for order in (LengthBuckets(lengths, size, seed=3), InOrder(lengths, size)):
        draws = epoch_of(order, epoch)
        assert sorted(positions(draws)) == list(range(len(lengths)))
        assert [len(draw.positions) for draw in draws[:-1]] == [size] * (len(order) - 1)
        for draw in draws:
            found = [lengths[place] for place in draw.positions]
            assert (draw.shortest, draw.longest) == (min(found), max(found))


@given(LENGTHS, SIZE, COUNT, st.integers(0, 3))
def test_processes_share_the_batches_that_one_process_would_have(lengths, size, count, epoch):
    def orders(kind, *settings):
        processes = [Processes(count, rank) for rank in range(count)]
        return [epoch_of(kind(lengths, size, *settings, each), epoch) for each in processes]

    for kind, settings in ((LengthBuckets, (5,)), (InOrder, ())):
        whole = epoch_of(kind(lengths, size * count, *settings), epoch)
        for draw, *step in zip(whole, *orders(kind, *settings), strict=True):
            assert set(positions(step)) == set(draw.positions)
            sizes = [len(share.positions) for share in step]
            assert min(sizes) >= 1
            assert max(sizes) - min(sizes) <= 1
            # A sample is only repeated for a process that would have none.
            assert sum(sizes) == max(len(draw.positions), count)
            agreed = {(share.shortest, share.longest, share.epoch) for share in step}
            assert agreed == {(draw.shortest, draw.longest, draw.epoch)}


@given(LENGTHS, SIZE, COUNT)
def test_prediction_repeats_nothing(lengths, size, count):
    shares = [
        list(InOrder(lengths, size, Processes(count, rank), in_step=False)) for rank in range(count)
    ]
    assert sorted(positions(sum(shares, []))) == list(range(len(lengths)))
    assert all(draw.positions for share in shares for draw in share)


@given(LENGTHS, SIZE, st.integers(0, 3), st.data())
def test_an_order_that_begins_later_leaves_out_what_was_seen(lengths, size, epoch, data):
    sampler = LengthBuckets(lengths, size, seed=1)
    whole = epoch_of(sampler, epoch)
    sampler.first_batch = data.draw(st.integers(0, len(whole)))
    assert list(sampler) == whole[sampler.first_batch :]


def test_orders_are_told_apart_by_all_that_they_depend_on():
    lengths = list(range(1, 20))
    same = [LengthBuckets(lengths, 4, 0), LengthBuckets(lengths, 2, 0, Processes(2, 1))]
    other = [
        LengthBuckets(lengths, 5, 0),
        LengthBuckets(lengths, 4, 1),
        LengthBuckets(lengths[1:], 4, 0),
        LengthBuckets(lengths, 4, 0, Processes(2, 1)),
    ]
    assert same[0].identity == same[1].identity
    assert len({order.identity for order in [same[0], *other]}) == 5
    assert InOrder(lengths, 4).identity == InOrder(lengths, 2, Processes(2, 1)).identity
    changed = [InOrder(lengths, 5), InOrder(lengths[1:], 4), InOrder(lengths, 4, Processes(2, 0))]
    assert len({order.identity for order in [InOrder(lengths, 4), *changed]}) == 4


def test_samples_of_a_batch_are_of_similar_length():
    lengths = [1 + 7 * number % 101 for number in range(400)]
    draws = epoch_of(LengthBuckets(lengths, 8, seed=0), 0)
    padding = [
        1 - sum(lengths[place] for place in draw.positions) / (draw.longest * len(draw.positions))
        for draw in draws
    ]
    assert sum(padding) / len(padding) < 0.1
