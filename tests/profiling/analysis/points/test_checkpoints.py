"""What readers call weights: as little of a path as tells it from the others."""

from hypothesis import given
from hypothesis import strategies as st

from profiling.analysis.points.checkpoints import short_names, with_names
from profiling.analysis.points.groups import Contender
from tests.samples.rows.comparisons import row


def names_of(*checkpoints: str) -> dict[str, str]:
    return short_names(row("quick", "library", checkpoint=each) for each in checkpoints)


def test_a_path_is_shortened_only_as_far_as_it_stays_the_only_one() -> None:
    found = names_of("runs/a/export", "runs/b/export", "hub/model")
    assert found == {
        "hub/model": "model",
        "runs/a/export": "a/export",
        "runs/b/export": "b/export",
    }
    assert names_of("runs/a/export") == {"runs/a/export": "export"}
    assert names_of("export", "a/export") == {"export": "export", "a/export": "a/export"}


def test_both_sides_of_an_answer_are_named_and_what_has_no_weights_stays_as_it_is() -> None:
    answer = {"checkpoint": "runs/a/export", "vanilla_checkpoint": "runs/b/export"}
    plain = row("plain", "eager")
    named, left = with_names([answer, plain], short_names([answer, plain]))
    assert (named["checkpoint_name"], named["vanilla_checkpoint_name"]) == ("a/export", "b/export")
    assert named["checkpoint"] == "runs/a/export"
    assert left is plain


def test_a_name_tells_nothing_apart_and_without_one_readers_see_the_path() -> None:
    measured = row("quick", "library", checkpoint="runs/a/export")
    (named,) = with_names([measured], {"runs/a/export": "export"})
    assert Contender.of(named) == Contender.of(measured)
    assert Contender.of(named).label == "quick (export) library"
    assert Contender.of(measured).label == "quick (runs/a/export) library"


@given(st.lists(st.text(alphabet="ab/.", min_size=1, max_size=6), unique=True))
def test_no_two_checkpoints_share_a_name(checkpoints: list[str]) -> None:
    found = names_of(*checkpoints)
    assert found.keys() == set(checkpoints)
    assert len(set(found.values())) == len(checkpoints)
