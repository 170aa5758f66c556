"""Which rows still count when data, seed or libraries have changed."""

import pytest

from profiling.rows.columns import columns_of
from profiling.rows.current import (
    current_rows,
    current_searches,
    describe_left_out,
    name_state,
)

OLD = {"modality": "text", "fingerprint": "x", "seed": 0, "versions": "torch 1"}
ON_CPU = OLD | {"device": "cpu", "device_name": "a processor", "batch_source": "synthetic"}
ON_GPU = ON_CPU | {
    **{"device": "cuda", "device_name": "a GPU"},
    **{"cuda_version": "13.0", "cudnn_version": "9.1", "driver_version": "600"},
}


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


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"device_name": "another GPU", "driver_version": "550"},
        {"batch_source": "real", "fingerprint": "y"},
    ],
    ids=["a CPU", "another GPU", "real data"],
)
def test_rows_of_another_device_and_of_other_batches_count_beside_those_of_the_last_sweep(
    others: dict[str, str],
) -> None:
    first = ON_GPU | others if others else ON_CPU
    outdated = first | {"driver_version": "1", "fingerprint": "z", "visit": 1}
    manifest = {"states": {"text": name_state(ON_GPU)}}
    rows = [first, ON_GPU]
    assert current_rows(rows, manifest) == current_rows(rows, {}) == rows
    assert describe_left_out(rows, manifest) == []
    # Of what the last sweep did not use, the newest row says which state is current.
    assert current_rows([outdated, *rows], manifest) == rows
    (sentence,) = describe_left_out([outdated, *rows], manifest)
    assert sentence.startswith("1 of 3 rows of text is left out")
    assert sentence.endswith("(`fingerprint` differs, `driver_version` differs).")


def test_rows_are_said_to_be_measured_again_only_where_they_were() -> None:
    old = [OLD | {"variant": name, "visit": visit} for name in ("a", "b") for visit in (0, 1)]
    new = [row | {"versions": "torch 2"} for row in old[:3]]
    done, open_still = describe_left_out([*old, *new], {})
    assert done.startswith("3 of 7 rows of text are left out")
    assert done.endswith("(`versions` differs); they were measured again since.")
    assert open_still.startswith("1 of 7 rows of text is left out")
    assert open_still.endswith("(`versions` differs).")


def test_no_sweep_is_promised_for_lengths_that_the_last_one_did_not_ask_for() -> None:
    old = ON_CPU | {"sequence_length": 64}
    new = ON_CPU | {"sequence_length": 72, "fingerprint": "y"}
    manifest = {"states": {"text": name_state(new)}}
    assert current_rows([old, new], manifest) == [new]
    (sentence,) = describe_left_out([old, new], manifest)
    assert sentence.endswith("measured in another state (`fingerprint` differs).")


def test_the_longest_input_of_real_data_is_of_the_state_of_the_data() -> None:
    real = ON_CPU | {"batch_source": "real", "fingerprint": "y"}
    # Whatever the batches, the model is made for the data.
    searches = [ON_CPU | {"fingerprint": fingerprint} for fingerprint in ("older", "y", "x")]
    assert current_searches(searches, [real], {}) == searches[1:2]
    assert current_searches(searches, [ON_CPU, real], {}) == searches[1:]


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
