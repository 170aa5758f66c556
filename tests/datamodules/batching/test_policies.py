from collections import Counter
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datamodules.batching.policies import (
    POLICIES,
    padded_batches,
    padding_share,
    suggest_edges,
)
from datamodules.errors import DataError

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=80)
SIZES = st.integers(1, 9)
EDGES = st.lists(st.integers(1, 60), max_size=4, unique=True).map(sorted)
LIMITS = st.none() | st.integers(1, 70)


def counted(lengths):
    values, counts = zip(*sorted(Counter(lengths).items()), strict=True)
    return values, counts


def padding_to_edges(lengths, edges):
    return sum(min(edge for edge in edges if edge >= length) - length for length in lengths)


def padding_of(batches):
    return sum(batch.padding for batch in batches)


@pytest.mark.parametrize("policy", POLICIES)
@given(LENGTHS, SIZES, LIMITS, EDGES, st.integers(0, 5))
def test_nothing_is_lost_and_no_batch_is_too_large(policy, lengths, size, limit, edges, seed):
    batches = padded_batches(lengths, policy, size, limit, edges, seed)
    found = Counter(length for batch in batches for length in batch.lengths)
    assert found == Counter(min(length, limit or length) for length in lengths)
    assert all(1 <= len(batch.lengths) <= size for batch in batches)
    assert all(batch.padding >= 0 for batch in batches)


@example([8] * 3 + [9] * 3 + [10], 7, None)  # 61 / 7 * 7 is no 61
@given(LENGTHS, SIZES, LIMITS)
def test_packed_batches_have_no_padding(lengths, size, limit):
    assert padding_share(padded_batches(lengths, "packed", size, limit)) == 0


@given(LENGTHS, SIZES, LIMITS, st.integers(0, 5))
def test_dynamic_padding_never_exceeds_padding_to_the_maximum(lengths, size, limit, seed):
    dynamic = padded_batches(lengths, "dynamic", size, limit, seed=seed)
    maximum = padded_batches(lengths, "pad_to_maximum", size, limit, seed=seed)
    assert padding_of(dynamic) <= padding_of(maximum)
    assert {batch.padded_length for batch in maximum} == {float(limit or max(lengths))}


@given(LENGTHS, SIZES, EDGES)
def test_samples_of_two_buckets_never_meet(lengths, size, edges):
    for batch in padded_batches(lengths, "buckets", size, edges=edges):
        assert len({sum(length > edge for edge in edges) for length in batch.lengths}) == 1


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 4))
def test_suggested_edges_are_the_best_that_a_search_of_all_finds(lengths, num_buckets):
    values, counts = counted(lengths)
    edges = suggest_edges(values, counts, num_buckets)
    assert len(edges) <= num_buckets
    assert edges[-1] == values[-1]
    others = range(min(num_buckets, len(values)))
    best = min(
        padding_to_edges(lengths, [*chosen, values[-1]])
        for number in others
        for chosen in combinations(values[:-1], number)
    )
    assert padding_to_edges(lengths, edges) == best


@given(LENGTHS, SIZES, st.integers(1, 6), st.integers(0, 5))
def test_buckets_with_the_suggested_edges_pad_no_more_than_one_bucket(lengths, size, number, seed):
    values, counts = counted(lengths)
    edges = suggest_edges(values, counts, number)
    buckets = padding_of(padded_batches(lengths, "buckets", size, edges=edges, seed=seed))
    one = padding_of(padded_batches(lengths, "pad_to_maximum", size, seed=seed))
    assert buckets <= padding_to_edges(lengths, edges) <= one


def test_many_lengths_are_thinned_and_still_end_at_the_longest():
    edges = suggest_edges(range(1, 3001), [1] * 3000, 3)
    assert edges == pytest.approx([1000, 2000, 3000], rel=0.01)


def test_a_seed_decides_the_order():
    lengths = list(range(1, 50))
    first, again, other = (padded_batches(lengths, "dynamic", 4, seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_a_share_that_can_be_counted():
    batches = padded_batches([2, 2, 4], "pad_to_maximum", 3, max_length=5)
    assert padding_share(batches) == pytest.approx((3 + 3 + 1) / 15)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="`policy` must be one of pad_to_maximum, .*, got 'sorted'"):
        padded_batches([1], "sorted", 1)
    with pytest.raises(DataError, match="at least one sample, got none"):
        padded_batches([], "dynamic", 1)
