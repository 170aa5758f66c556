import random

import numpy as np
import pytest

from profiling.distributions.estimates import share_of_positions, share_of_samples


def test_a_whole_source_has_no_error():
    share = share_of_samples(3, 10, 0.0)
    assert (share.value, share.low, share.high, share.is_exact) == (0.3, 0.3, 0.3, True)
    assert share.to_dict("cut") == {"cut": 0.3}
    assert share_of_positions([1, 0], [2, 2], [1, 3], 0.0).value == pytest.approx(1 / 8)


def test_no_hit_in_a_draw_does_not_mean_none_at_all():
    share = share_of_samples(0, 100, 0.9)
    assert (share.value, share.low) == (0, 0)
    assert 0.02 < share.high < 0.05
    assert set(share.to_dict("cut")) == {"cut", "cut_low", "cut_high"}


def test_one_unit_tells_nothing_of_the_others():
    share = share_of_positions([1], [4], [1], 0.5)
    assert (share.value, share.low, share.high) == (0.25, 0.0, 1.0)


@pytest.mark.parametrize("most", [50, 300])
@pytest.mark.parametrize(("limit", "least"), [(100, 0.92), (300, 0.9), (500, 0.7)])
def test_intervals_hold_the_share_of_the_source(limit, least, most):
    """Of positions beyond 500 there are 1.6 %, in some draws of one or two samples: too narrow."""
    source = (np.random.default_rng(1).gamma(2, 100, 600).astype(int) + 1).tolist()
    of_samples = sum(length > limit for length in source) / len(source)
    of_positions = sum(max(0, length - limit) for length in source) / sum(source)
    unseen = 1 - most / len(source)
    held = np.zeros(2)
    for seed in range(300):
        drawn = random.Random(seed).sample(source, most)
        beyond = [max(0, length - limit) for length in drawn]
        first = share_of_samples(sum(map(bool, beyond)), most, unseen)
        second = share_of_positions(beyond, drawn, [1] * most, unseen)
        held += first.low <= of_samples <= first.high, second.low <= of_positions <= second.high
    assert (held / 300 >= [0.9, least]).all()
    assert held[0] / 300 <= 0.995
