"""Which conditions of a run count, and which runs are ranked."""

import re

import pytest

from profiling.advising.advice import find_advice
from profiling.advising.between_runs import compare_advice
from profiling.advising.contenders import Wanted
from profiling.advising.words import comparison_lines
from profiling.errors import SettingsError
from tests.samples.rows.advising import (
    CROSSING,
    advise_run,
    lengths_around,
    rows_of,
    vanilla_law,
)

DATA = lengths_around(1300)
HALF = {"precision": "bf16-mixed"}


def under(rows, **conditions):
    """Return measurements as if they had been made under other conditions."""
    return [row | conditions for row in rows]


@pytest.mark.parametrize("wanted", [Wanted(), Wanted("memory")])
def test_a_sweep_that_was_stopped_at_once_hides_nothing_that_was_measured_before(wanted):
    whole = advise_run(CROSSING, DATA, wanted)

    found = advise_run([*CROSSING, *under(CROSSING[:1], **HALF)], DATA, wanted)

    (note,) = (each for each in found["notes"] if "measured later" in each)
    assert note.startswith("what was measured later under precision bf16-mixed cannot answer: ")
    assert "bert sdpa: a cost model needs 3 lengths" in note
    assert found | {"notes": [each for each in found["notes"] if each != note]} == whole


def test_conditions_that_lack_what_is_asked_for_are_passed_over():
    timed = [row | {"peak_memory_mib": None} for row in under(CROSSING, **HALF)]

    found = advise_run([*CROSSING, *timed], DATA, Wanted(budget_gib=1.0))

    assert any("precision 32-true" in note for note in found["notes"])
    (note,) = (each for each in found["notes"] if "measured later" in each)
    assert "`budget_gib` must have a run to check it with" in note


def test_the_newest_conditions_that_can_answer_count_and_a_note_names_the_others():
    faster = under(rows_of("bert", "sdpa", lambda n: 0.5 * vanilla_law(n)), **HALF)
    other = under(CROSSING, size="base")

    found = advise_run([*CROSSING, *other, *faster], DATA, Wanted())

    assert found["recommended"]["variant"] == "bert"
    told = next(note for note in found["notes"] if note.startswith("conditions: "))
    assert "small" in told
    assert "precision bf16-mixed" in told
    (note,) = (each for each in found["notes"] if "measured earlier" in each)
    assert note.startswith(
        "what was measured earlier under base, precision 32-true, or under precision 32-true does "
    )
    assert note.endswith(" does not count here: give `--precision` for an answer from it")


def test_conditions_that_came_back_are_the_newest_ones():
    again = [row | {"visit": 3} for row in CROSSING if row["sequence_length"] == 64]

    found = advise_run([*CROSSING, *under(CROSSING, **HALF), *again], DATA, Wanted())

    assert any(each.startswith("conditions: small, precision 32-true") for each in found["notes"])


FASTER = rows_of("bert", "sdpa", lambda n: 0.5 * vanilla_law(n))


@pytest.mark.parametrize(
    ("later", "asked"),
    [
        (HALF, {"precision": "32-true"}),
        ({"device": "cuda"}, {"device": "cpu"}),
        (HALF | {"device": "cuda"}, {"precision": "32-true", "device": "cpu"}),
    ],
)
def test_earlier_conditions_answer_where_they_are_asked_for(later, asked):
    rows = [*CROSSING, *under(FASTER, **later)]

    assert advise_run(rows, DATA, Wanted(**asked)) == advise_run(CROSSING, DATA, Wanted())


def test_conditions_that_no_setting_asks_for_need_a_directory_of_their_own():
    found = advise_run([*CROSSING, *under(FASTER, size="base")], DATA, Wanted())

    (note,) = (each for each in found["notes"] if "measured earlier" in each)
    assert note.endswith(": sweep it into a directory of its own for an answer from it")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"precision": "16-true"}, "`precision` must be of what the run measured "
         "(precision bf16-mixed; precision 32-true), got 16-true"),
        ({"precision": "32-true", "device": "cuda"}, "`precision` and `device` must be of what the "
         "run measured (precision bf16-mixed, cuda; precision 32-true, cpu), got 32-true, cuda"),
    ],
)  # fmt: skip
def test_conditions_that_were_not_measured_are_refused(asked, sentence):
    rows = [*CROSSING, *under(FASTER, **HALF, device="cuda")]

    with pytest.raises(SettingsError, match=f"^{re.escape(sentence)}$"):
        find_advice(rows, DATA, Wanted(**asked))


def test_where_no_conditions_can_answer_the_newest_ones_say_why():
    rows = [*CROSSING[:1], *under(rows_of("longformer", "library", vanilla_law)[:1], **HALF)]

    with pytest.raises(SettingsError, match="but longformer library: a cost model needs 3"):
        find_advice(rows, DATA, Wanted())


def ranked(*runs):
    """Return what is said of runs, the first of which is a and the second b."""
    found = {name: find_advice(rows, DATA, Wanted()) for name, rows in zip("ab", runs, strict=True)}
    return compare_advice(found)


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ({"size": "tiny"}, {"size": "wide"}, ("tiny", "wide")),
        ({}, HALF, ("precision 32-true", "precision bf16-mixed")),
        ({"device": "cuda", "tf32": True}, {"device": "cuda", "tf32": False},
         ("tf32 True", "tf32 False")),
        ({"batch_size": 2, "size": "tiny"}, {}, ("tiny, batch_size 2", "small, batch_size 1")),
    ],
)  # fmt: skip
def test_runs_of_other_work_are_not_ranked(ours, theirs, words):
    slow = under(rows_of("bert", "sdpa", lambda n: 3 * vanilla_law(n)), **theirs)

    found = ranked(under(CROSSING, **ours), slow)

    assert found["cheapest_run"] is None
    assert found["maybe_cheapest"] == []
    assert found["differing_conditions"] == dict(zip("ab", words, strict=True))
    (told,) = comparison_lines("ab", found, "latency")
    assert told == (
        "The advice of 2 runs is not the same; costs under different conditions are not ranked: "
        f"a ({words[0]}), b ({words[1]})."
    )


def test_runs_of_other_machines_are_ranked():
    cpu = {"device": "cpu", "threads": 2, "memory_budget_gib": 12.0, "max_batch_size": 8}
    gpu = {"device": "cuda", "device_name": "H100", "tf32": False, "sdpa_backend": "any",
           "memory_budget_gib": 64.0, "max_batch_size": 64}  # fmt: skip
    slow = under(rows_of("bert", "sdpa", lambda n: 3 * vanilla_law(n)), **cpu)

    found = ranked(slow, under(CROSSING, **gpu))

    assert found["cheapest_run"] == "b"
    assert found["differing_conditions"] == {}
