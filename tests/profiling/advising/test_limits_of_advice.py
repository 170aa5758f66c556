"""Where advice ends: what does not fit, what was not measured, and the notes that say so."""

import pytest

from profiling.advising.advice import advise_run
from profiling.advising.contenders import Wanted
from profiling.advising.words import as_lines
from profiling.errors import SettingsError
from tests.samples.rows.advising import CROSSING, lengths_around, rows_of, vanilla_law


def test_where_vanilla_runs_out_of_memory_the_other_one_is_all_that_is_left():
    rows = [
        each | {"status": "oom", "latency_ms": None, "throughput_samples_per_s": None}
        if each["variant"] == "bert" and each["sequence_length"] > 512
        else each
        for each in CROSSING
    ]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert (found["verdict"], found["recommended"]["variant"]) == ("only_feasible", "local_bert")
    assert found["saving"] is None
    assert any("ran out of memory" in p for a in found["alternatives"] for p in a["problems"])


def test_data_beyond_the_measured_lengths_are_called_extrapolated_and_known_less_well():
    near = advise_run(CROSSING, lengths_around(1300), Wanted())
    far = advise_run(CROSSING, lengths_around(8000), Wanted())

    assert any("extrapolated" in note for note in far["notes"])
    assert not any("extrapolated" in note for note in near["notes"])
    assert far["alternatives"][0]["extrapolated_share"] > 0.9
    worst = [a for a in far["alternatives"] if a["variant"] == "local_bert"]
    assert worst or far["ci_low"] is not None


def test_a_budget_leaves_out_what_does_not_fit():
    found = advise_run(CROSSING, lengths_around(1300), Wanted(budget_gib=0.01))

    assert (found["verdict"], found["recommended"]) == ("nothing_fits", None)


def test_a_contender_with_two_lengths_is_left_out_and_named():
    rows = [r for r in CROSSING if r["variant"] == "bert" or r["sequence_length"] in (64, 128)]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert found["recommended"]["variant"] == "bert"
    assert any("left out: a cost model needs 3 lengths" in note for note in found["notes"])


def test_lengths_of_another_modality_are_refused():
    with pytest.raises(SettingsError, match="text in inference.*got speech in inference"):
        advise_run(CROSSING, lengths_around(100, "speech"), Wanted())


def test_the_ceiling_is_the_share_of_attention_at_the_lengths_of_the_data():
    rows = [row | {"components": {"attention_core": {"share": 0.4}}} for row in CROSSING]

    assert advise_run(rows, lengths_around(1300), Wanted())["ceiling"] == pytest.approx(0.4)
    assert advise_run(CROSSING, lengths_around(1300), Wanted())["ceiling"] is None


def test_without_a_vanilla_one_that_is_measured_nothing_is_said_to_be_saved():
    rows = [row for row in CROSSING if row["variant"] != "bert"]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert (found["verdict"], found["saving"]) == ("only_feasible", None)


def test_samples_that_are_cut_are_counted_in_a_note():
    found = advise_run(CROSSING, lengths_around(1300), Wanted(max_length=1000))

    assert any("are cut to `max_length`" in note for note in found["notes"])


def test_batches_that_were_not_measured_are_called_extrapolated():
    def told(batch_size: int) -> tuple[str, list[float]]:
        wanted = Wanted("throughput", batch_size=batch_size)
        found = advise_run(CROSSING, lengths_around(1300), wanted)
        shares = [each["extrapolated_over_batch_share"] for each in found["alternatives"]]
        return " ".join([*found["notes"], *as_lines(found, "ms")]), shares

    inside, none = told(8)
    beside, most = told(32)
    assert "over batch" not in inside
    assert set(none) == {0}
    assert "- extrapolated over batch: " in beside
    assert "; extrapolated over batch" in beside
    assert min(most) > 0.9  # no batch of a hundred samples is as small as those measured, but few


def test_what_the_registry_cautions_of_a_variant_is_noted_where_it_is_recommended():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("fnet", "library", lambda n: 0.5 * vanilla_law(n)),
    ]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert found["recommended"]["variant"] == "fnet"
    assert found["ceiling"] is None
    assert any(note.startswith("fnet has no mask, so that padding") for note in found["notes"])
