"""Verdicts on outcomes in order of length."""

from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.answers.verdicts import proven_from, verdict_of


@given(st.lists(st.sampled_from(["win", "tie", "lose"]), min_size=1, max_size=9))
def test_ties_inside_change_no_verdict(names: list[str]) -> None:
    inside = [name for name in names[1:-1] if name != "tie"]
    assert verdict_of(names) == verdict_of([names[0], *inside, *names[1:][-1:]])


@given(st.lists(st.sampled_from(["win", "tie", "lose"]), min_size=1, max_size=9))
def test_proven_from_begins_the_last_unbroken_wins(names: list[str]) -> None:
    place = proven_from(names)
    if place is None:
        assert names[-1] != "win"
    else:
        assert set(names[place:]) == {"win"}
        assert place == 0 or names[place - 1] != "win"
