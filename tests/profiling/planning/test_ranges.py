"""Lengths from which a sweep may choose."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.errors import SettingsError
from profiling.planning.grids import PointMaker
from profiling.planning.points import DataFacts
from profiling.planning.ranges import SMALLEST_GAP, Range, ladder, middle_between, starts_between
from profiling.planning.settings import ModalitySettings, SweepSettings
from tests.samples.variants.points import CONDITIONS

ends = st.tuples(st.integers(1, 5000), st.integers(1, 5000)).map(sorted)


@given(ends)
def test_a_middle_lies_between_and_a_ladder_ends_where_none_is_left(pair: list[int]) -> None:
    shorter, longer = pair
    lengths = ladder("text", [shorter, longer])
    assert {shorter, longer} <= set(lengths)
    assert lengths == sorted(set(lengths))
    assert all(middle_between("text", *gap) is None for gap in pairwise(lengths))
    assert all(length % 8 == 0 for length in set(lengths) - {shorter, longer})


def test_the_ladder_halves_gaps_in_the_logarithm_down_to_the_smallest() -> None:
    lengths = ladder("text", [256, 16384])
    assert {2048, 728, 5792} <= set(lengths)
    assert all(longer / shorter < SMALLEST_GAP**2.1 for shorter, longer in pairwise(lengths))


def test_sides_of_images_stay_multiples_of_32() -> None:
    assert middle_between("vision", 224, 384) == 288
    assert middle_between("vision", 224, 256) is None


def test_a_variant_that_takes_no_short_inputs_begins_where_it_can() -> None:
    assert starts_between("text", (256, 4096), ["bert", "bigbird"]) == [256, 712, 4096]
    assert starts_between("text", (1024, 4096), ["bert", "bigbird"]) == [1024, 4096]
    assert starts_between("text", (256, 512), ["bert", "bigbird"]) == [256, 512]


def test_a_variant_that_takes_no_long_inputs_ends_where_it_must() -> None:
    assert starts_between("speech", (104, 4000), ["hubert", "whisper"]) == [104, 1500, 4000]
    assert starts_between("speech", (104, 1500), ["hubert", "whisper"]) == [104, 1500]
    assert starts_between("speech", (104, 800), ["hubert", "whisper"]) == [104, 800]


@pytest.mark.parametrize("lengths", [[64], [64, 64], [64, 128, 256]])
def test_a_range_has_two_ends(lengths: list[int]) -> None:
    with pytest.raises(SettingsError, match="`lengths` of text must be the two ends, as `refine`"):
        SweepSettings({"text": ModalitySettings(["bert"], lengths=lengths, refine=True)})


def test_a_factor_of_one_is_never_reached() -> None:
    with pytest.raises(SettingsError, match="`target_factor` must be above 1, got 1"):
        SweepSettings({"text": ModalitySettings(["bert"], lengths=[64])}, target_factor=1.0)


def test_where_a_variant_begins_it_meets_its_vanilla_one_alone() -> None:
    names = ["bert", "bigbird", "nystromformer"]
    text = ModalitySettings([*names], lengths=[256, 4096], refine=True)
    settings = SweepSettings({"text": text}, implementations=["sdpa", "library"])
    maker = PointMaker(settings, CONDITIONS, "text", DataFacts("synthetic", [256, 4096], 10))
    found: dict[int, set[str]] = {}
    for point in Range("inference", maker).starts():
        found.setdefault(point.length, set()).add(point.variant)
    assert found == {256: set(names), 712: {"bert", "bigbird"}, 4096: set(names)}


def test_a_sweep_chooses_from_the_lengths_of_its_range_alone() -> None:
    # Where BigBird begins, at 712, others have no number: 434 and 3253 are their neighbours.
    names, ends = ["bert", "bigbird", "local_bert"], [434, 3253]
    settings = SweepSettings({"text": ModalitySettings([*names], lengths=ends, refine=True)})
    maker = PointMaker(settings, CONDITIONS, "text", DataFacts("synthetic", ends, 10))
    chosen = Range("inference", maker)
    lengths = ladder("text", [434, 712, 3253])
    assert chosen.lengths == lengths
    for shorter, longer in combinations(lengths, 2):
        middle = chosen.middle(shorter, longer)
        assert middle is None or (middle in lengths and shorter < middle < longer)
        is_wide = longer / shorter > SMALLEST_GAP and (shorter, longer) not in pairwise(lengths)
        assert (middle is not None) == is_wide
    assert chosen.middle(434, 3253) == 1144
    for gap in [(434, 712), (712, 3253), (712, 1520), (1040, 1520)]:
        assert chosen.middle(*gap) == middle_between("text", *gap)
