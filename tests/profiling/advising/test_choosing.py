"""Which candidate is taken, against every vanilla one and every policy there is."""

import json
from typing import Any

import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.choosing import PADDED
from profiling.advising.contenders import Wanted
from profiling.advising.words import as_lines
from profiling.analysis.answers.tipping_points import find_tipping_points
from tests.samples.rows.advising import advise_run, lengths_around, linear_law, rows_of, vanilla_law

NOTHING = {"latency_ms": None, "throughput_samples_per_s": None}
CROSSING = [
    *rows_of("bert", "sdpa", vanilla_law),
    *rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
]


def of_two_families(ours: float, twin: float, seed: int = 0) -> list[dict[str, Any]]:
    """Return `bert`, and `modernbert` and its twin at so many times the costs of that."""
    return [
        *rows_of("bert", "sdpa", vanilla_law, noise=0.05, seed=seed),
        *rows_of("modernbert_full", "sdpa", lambda n: twin * vanilla_law(n), seed=seed),
        *rows_of("modernbert", "local_blocked", lambda n: ours * vanilla_law(n), noise=0.05),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_who_beats_its_twin_alone_is_not_taken_where_another_vanilla_may_cost_less(seed):
    found = advise_run(of_two_families(1.0, 2.0, seed), lengths_around(700), Wanted())

    assert (found["verdict"], found["recommended"]["variant"]) == ("cannot_tell", "bert")


def test_who_beats_every_vanilla_one_is_taken_and_it_is_said_over_which_it_saves():
    found = advise_run(of_two_families(0.5, 2.0), lengths_around(700), Wanted())

    assert (found["verdict"], found["recommended"]["variant"]) == ("saves", "modernbert")
    assert found["saving"] == pytest.approx(0.75, abs=0.03)
    assert "what modernbert saves is meant over modernbert_full" in found["notes"]


@pytest.mark.parametrize("twin", ["not measured", "out of memory"])
def test_without_its_own_vanilla_one_a_variant_is_judged_by_another(twin):
    out = NOTHING | {"status": "oom"}
    rows = [
        row | out if is_twin and row["sequence_length"] > 512 else row
        for row in of_two_families(0.5, 1.0)
        for is_twin in [row["variant"] == "modernbert_full"]
        if twin == "out of memory" or not is_twin
    ]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert (found["verdict"], found["recommended"]["variant"]) == ("saves", "modernbert")
    assert found["saving"] == pytest.approx(0.5, abs=0.06)
    assert "what modernbert saves is meant over bert" in found["notes"]


def test_a_policy_under_which_nobody_can_tell_does_not_hide_that_another_one_costs_less():
    data = lengths_around(200, "speech")
    longest = vanilla_law(data.values[-1])  # more than vanilla costs at most samples' lengths
    rows = [
        row | {"modality": "speech", "input_size": 400 + 320 * (row["sequence_length"] - 1)}
        for row in [
            *rows_of("hubert", "sdpa", vanilla_law, noise=0.02),
            *rows_of("whisper", "sdpa", lambda n: longest, noise=0.02),
        ]
        if row["sequence_length"] <= 1500
    ]

    found = advise_run(rows, data, Wanted())

    policies = {a["policy"]: a for a in found["alternatives"] if a["variant"] == "whisper"}
    assert policies[PADDED]["ci_low"] < 0 < policies[PADDED]["ci_high"]
    assert (found["verdict"], found["recommended"]["policy"]) == ("keep_vanilla", "dynamic")


def test_nothing_efficient_that_can_run_is_not_called_dearer():
    alone = advise_run(rows_of("bert", "sdpa", vanilla_law), lengths_around(700), Wanted())
    beside = advise_run(CROSSING, lengths_around(100), Wanted())

    assert alone["verdict"] == beside["verdict"] == "keep_vanilla"
    assert "no efficient variant is known to run" in as_lines(alone, "ms")[0]
    assert "no efficient variant is cheaper" in as_lines(beside, "ms")[0]


def test_data_that_are_cut_are_asked_at_the_lengths_that_are_left():
    rows = [
        row | {"components": {"attention_core": {"share": share}}}
        for row in CROSSING
        for share in [0.1 if row["sequence_length"] <= 512 else 0.8]
    ]

    found = advise_run(rows, lengths_around(1300), Wanted(max_length=256))

    assert found["ceiling"] == pytest.approx(0.1)
    assert found["share_beyond"] == 0
    assert not any("longer data" in note for note in found["notes"])  # they would be cut, too


def test_one_sample_is_not_said_to_be_shorter_than_itself():
    data = LengthDistribution.from_lengths([100], "made up", "text", "nowhere")

    notes = advise_run(CROSSING, data, Wanted())["notes"]

    assert any("half of the samples have at most 100, and local_bert" in note for note in notes)


def test_who_is_taken_already_is_not_said_to_give_way_where_another_one_begins_to_win():
    rows = [*CROSSING, *rows_of("fnet", "library", lambda n: 1.6 * linear_law(n))]

    notes = advise_run(rows, lengths_around(700), Wanted())["notes"]
    kept = advise_run(rows, lengths_around(100), Wanted())["notes"]

    assert not any("longer data would change" in note for note in notes)
    assert any("longer data would change" in note for note in kept)


def test_longer_data_change_nothing_for_who_wins_over_its_own_twin_alone():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("modernbert_full", "sdpa", lambda n: 3 * vanilla_law(n)),
        *rows_of("modernbert", "local_blocked", lambda n: 1.5 * vanilla_law(n) + 6),
    ]

    found = advise_run(rows, lengths_around(100), Wanted())

    assert advise_run(rows, lengths_around(1300), Wanted())["recommended"]["variant"] == "bert"
    assert not any("would change" in note for note in found["notes"])


def test_longer_data_change_nothing_for_who_cannot_be_taken():
    heavy = [
        row | {"peak_memory_mib": 9000.0} if row["variant"] == "local_bert" else row
        for row in CROSSING
    ]

    free, limited = (
        advise_run(heavy, lengths_around(100), Wanted(budget_gib=budget))["notes"]
        for budget in (None, 1.0)
    )

    assert any("would change" in note for note in free)
    assert not any("would change" in note for note in limited)


def test_beside_what_is_kept_stands_the_tipping_point_of_who_could_be_taken():
    rows = [
        *(row | ({"peak_memory_mib": 9e3} if row["attention_window"] else {}) for row in CROSSING),
        *rows_of(
            *("longformer", "mask_fixed", lambda n: 1.2 * linear_law(n)), attention_window=256
        ),
    ]
    data = LengthDistribution.from_lengths([100] * 9 + [650], "made up", "text", "nowhere")

    free, limited = (advise_run(rows, data, Wanted(budget_gib=budget)) for budget in (None, 1.0))

    assert free["verdict"] == limited["verdict"] == "keep_vanilla"
    assert (free["share_beyond"], free["share_beyond_of"]) == (0.1, "local_bert w32")
    assert (limited["share_beyond"], limited["share_beyond_of"]) == (0.0, "longformer w256")
    (told,) = [line for line in as_lines(limited, "ms") if "tipping point" in line]
    assert told.startswith("The tipping point of longformer w256 over bert is ")


def test_data_that_are_cut_are_not_said_to_be_longer():
    notes = advise_run(CROSSING, lengths_around(8000), Wanted(max_length=32))["notes"]

    assert any("extrapolated" in note and "; 0.0% of the samples are longer" in note
               for note in notes)  # fmt: skip


def test_samples_that_are_all_as_long_need_no_policy_that_pads():
    data = LengthDistribution.from_lengths([700] * 9, "made up", "text", "nowhere")

    assert advise_run(CROSSING, data, Wanted())["recommended"]["policy"] == "dynamic"


@pytest.mark.parametrize("batch_size", [1, 8])
def test_of_policies_that_need_the_same_memory_one_that_pads_less_is_taken(batch_size):
    wanted = Wanted("memory", batch_size=batch_size)

    assert advise_run(CROSSING, lengths_around(1300), wanted)["recommended"]["policy"] != PADDED


def test_a_length_that_failed_below_one_out_of_memory_was_not_taken():
    failed = {1024: {"status": "error", "error": "it took too long"}, 2048: {"status": "oom"}}
    rows = [
        row | NOTHING | failed[row["sequence_length"]] if row["sequence_length"] in failed else row
        for row in CROSSING
    ]
    data = LengthDistribution.from_lengths([900], "made up", "text", "nowhere")

    assert advise_run(rows, data, Wanted())["verdict"] == "nothing_fits"


def test_one_visit_in_common_decides_nothing_though_other_contenders_lend_their_noise():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("bert", "eager", vanilla_law),
        *(row for row in CROSSING[18:] if row["visit"] == 0),
    ]

    found = advise_run(rows, lengths_around(1300), Wanted())

    told = [a for a in found["alternatives"] if a["variant"] == "local_bert"]
    assert found["verdict"] == "cannot_tell"
    assert all(a["saving"] > 0.1 and a["ci_low"] is None for a in told)


def test_times_that_others_disturbed_decide_nothing():
    rows = [row | {"disturbed": row["visit"] > 0} for row in CROSSING]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert found["verdict"] == "cannot_tell"
    assert any("measure again" in note for note in found["notes"])


def test_a_length_that_others_disturbed_is_left_out_where_the_rest_suffices():
    rows = [
        row | {"disturbed": True, "latency_ms": 9 * row["latency_ms"]}
        if (row["variant"], row["sequence_length"]) == ("local_bert", 512)
        else row
        for row in CROSSING
    ]

    calm, found = (advise_run(each, lengths_around(1300), Wanted()) for each in (CROSSING, rows))

    assert found["verdict"] == "saves"
    assert found["saving"] == pytest.approx(calm["saving"], abs=0.01)
    assert not any("measure again" in note for note in found["notes"])


@pytest.mark.parametrize("factors", [(1e-300, 1e300), (1e300, 1e-300), (0.0, 1.0)])
def test_values_that_no_machine_can_have_make_an_advice_of_numbers(factors):
    times = dict(zip(("bert", "local_bert"), factors, strict=True))
    rows = [
        row
        | {
            "latency_ms": row["latency_ms"] * times[row["variant"]],
            "throughput_samples_per_s": 0.0,
        }
        for row in CROSSING
    ]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert json.dumps(found, allow_nan=False)


def test_who_may_win_before_the_shortest_length_is_only_said_to_win_from_where_that_is_sure():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law, noise=0.02),
        *rows_of("local_bert", "local_blocked", lambda n: 0.99 * vanilla_law(n), noise=0.02),
    ]
    rows = [
        row | {"latency_ms": row["latency_ms"] * (0.7 if row["sequence_length"] > 64 else 1.0)}
        if row["variant"] == "local_bert"
        else row
        for row in rows
    ]
    data = LengthDistribution.from_lengths([66] * 9 + [2000], "made up", "text", "nowhere")

    (row,) = [
        row
        for row in find_tipping_points(rows)
        if (row["metric"], row["comparison"]) == ("latency", "best_vs_best")
    ]
    found = advise_run(rows, data, Wanted())

    told = {found["share_beyond"], *(a["share_beyond"] for a in found["alternatives"])} - {None}
    assert row["at_most"]
    assert row["tipping_point"] < 66 < row["ci_high"]
    assert told == {0.1}


def test_checkpoints_whose_names_end_alike_are_told_apart():
    rows = [
        *rows_of("hubert", "sdpa", vanilla_law, modality="speech"),
        *rows_of("lhubert", "local_blocked", linear_law, modality="speech", checkpoint="a/export"),
        *rows_of("lhubert", "local_blocked", linear_law, modality="speech", checkpoint="b/export"),
    ]

    found = advise_run(rows, lengths_around(1300, "speech"), Wanted())

    text = "\n".join(as_lines(found, "ms"))
    assert "lhubert (a/export) local_blocked" in text
    assert "lhubert (b/export) local_blocked" in text
