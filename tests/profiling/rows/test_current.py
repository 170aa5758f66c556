"""Which rows still count when data, seed or libraries have changed."""

import pytest

from profiling.rows.columns import columns_of
from profiling.rows.current import current_rows, describe_left_out

OLD = {"modality": "text", "fingerprint": "x", "seed": 0, "versions": "torch 1"}


@pytest.mark.parametrize("changed", [column.name for column in columns_of("state")])
def test_rows_of_an_older_state_do_not_count(changed: str) -> None:
    new = OLD | {changed: "new"}
    assert current_rows([OLD, OLD, new], {}) == [new]


def test_the_manifest_says_which_state_is_current_when_an_older_one_came_back() -> None:
    new = OLD | {"fingerprint": "y"}
    named = {"fingerprint": "x", "seed": 0, "versions": "torch 1"}
    for state in (named, ["x", 0, "torch 1"]):  # as manifests of earlier versions have it
        assert current_rows([OLD, new], {"states": {"text": state}}) == [OLD]


def test_modalities_have_states_of_their_own() -> None:
    speech = OLD | {"modality": "speech", "fingerprint": "z"}
    assert current_rows([OLD, speech], {}) == [OLD, speech]


def test_rows_measured_in_one_state_are_merged_whatever_else_differs() -> None:
    longer = OLD | {"sequence_length": 9, "key": "k"}
    assert current_rows([OLD, longer], {}) == [OLD, longer]


def test_what_is_left_out_is_said_with_the_reason() -> None:
    bare = {"modality": "text"}
    named = {"fingerprint": "x", "seed": 0, "versions": "torch 1"}
    manifest = {"states": {"text": named}}
    assert current_rows([bare, bare, OLD], manifest) == [OLD]
    (sentence,) = describe_left_out([bare, bare, OLD], manifest)
    assert sentence.startswith("2 of 3 rows of text are left out")
    assert "`versions` is missing" in sentence
    assert "`seed` is missing" in sentence
    assert describe_left_out([OLD], manifest) == []
