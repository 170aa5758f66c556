"""Words are shared out to utterances."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datamodules.composing.words import Word, group
from datamodules.recordings.recording import Recording


@given(
    st.integers(1, 9).flatmap(
        lambda fewest: st.tuples(
            st.just(fewest), st.integers(fewest, 14), st.integers(fewest, 200), st.integers(0, 99)
        )
    )
)
def test_groups_have_every_word_once_and_keep_their_sizes_where_they_can(drawn):
    fewest, most, count, seed = drawn
    words = [Word(Recording(Path(), 0), "A", "b", take) for take in range(count)]
    groups = group(words, (fewest, most), np.random.default_rng(seed))
    assert sorted(word.take for members in groups for word in members) == list(range(count))
    sizes = [len(members) for members in groups]
    assert min(sizes) >= fewest
    fits = any(number * fewest <= count <= number * most for number in range(count + 1))
    assert max(sizes) <= most if fits else max(sizes) - min(sizes) <= 1
