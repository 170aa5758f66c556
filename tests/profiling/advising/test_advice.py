import math
from typing import Any

import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.advice import advise_run
from profiling.advising.contenders import Wanted
from profiling.advising.words import as_lines
from profiling.errors import SettingsError
from tests.samples.rows.advising import lengths_around, linear_law, rows_of, vanilla_law

THROUGHPUT = Wanted("throughput", batch_size=8)
DATA = lengths_around(300)
CROSSING = [
    *rows_of("bert", "sdpa", vanilla_law),
    *rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
]


def test_long_data_are_advised_otherwise_than_short_data():
    short = advise_run(CROSSING, lengths_around(100), THROUGHPUT)
    long = advise_run(CROSSING, lengths_around(1300), THROUGHPUT)

    assert (short["verdict"], short["recommended"]["variant"]) == ("keep_vanilla", "bert")
    assert (long["verdict"], long["recommended"]["variant"]) == ("saves", "local_bert")
    assert 0 < long["ci_low"] <= long["saving"] <= long["ci_high"]
    assert short["share_beyond"] == 0
    assert long["share_beyond"] > 0.8
    assert any("longer data would change" in note for note in short["notes"])


def test_the_saving_is_that_of_the_known_costs():
    data = lengths_around(1300)
    costs = [
        sum(c * (0.5 + law(v)) for v, c in zip(data.values, data.counts, strict=True))
        for law in (linear_law, vanilla_law)
    ]

    found = advise_run(CROSSING, data, Wanted())

    assert found["saving"] == pytest.approx(1 - costs[0] / costs[1], abs=0.01)
    assert found["ci_low"] < 1 - costs[0] / costs[1] < found["ci_high"]


def test_dynamic_padding_saves_more_over_padding_to_the_maximum():
    found = advise_run(CROSSING, lengths_around(1300), THROUGHPUT)

    assert found["recommended"]["policy"] == "buckets"
    assert found["saving_over_padded"]["saving"] > found["saving"]


@pytest.mark.parametrize("middle", [100, 1300])
def test_one_that_always_wins_is_taken_at_every_length(middle):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("local_bert", "local_blocked", lambda n: 0.7 * vanilla_law(n)),
    ]

    assert advise_run(rows, lengths_around(middle), Wanted())["verdict"] == "saves"


@pytest.mark.parametrize("middle", [100, 1300])
def test_one_that_never_wins_is_never_taken(middle):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("local_bert", "local_blocked", lambda n: 1.4 * vanilla_law(n)),
    ]

    assert advise_run(rows, lengths_around(middle), Wanted())["verdict"] == "keep_vanilla"


@pytest.mark.parametrize("seed", range(5))
def test_of_kernels_that_differ_by_chance_the_default_one_is_kept(seed):
    rows = [
        row
        for name in ("eager", "sdpa", "unpadded")
        for row in rows_of("bert", name, vanilla_law, noise=0.05, seed=seed)
    ]
    cheapest = set()
    for given in (rows, [row for row in rows if row["implementation"] != "sdpa"]):
        found = advise_run(given, lengths_around(700), Wanted())
        assert found["verdict"] == "keep_vanilla"
        cheapest.add(found["recommended"]["implementation"])

    assert "sdpa" in cheapest
    assert len(cheapest) == 2  # where the default was not measured, the cheapest one


@pytest.mark.parametrize("visits", [1, 3])
def test_a_kernel_that_is_really_cheaper_is_taken_and_without_noise_the_cheapest_one(visits):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("bert", "eager", lambda n: 0.9 * vanilla_law(n)),
    ]
    given = [row for row in rows if row["visit"] < visits]

    found = advise_run(given, lengths_around(700), Wanted())

    assert found["recommended"]["implementation"] == "eager"


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_saving(seed):
    rows = [
        *rows_of("bert", "sdpa", vanilla_law, noise=0.05, seed=seed),
        *rows_of("local_bert", "local_blocked", vanilla_law, noise=0.05, seed=seed),
    ]

    found = advise_run(rows, lengths_around(700), Wanted())

    assert (found["verdict"], found["recommended"]["variant"]) == ("cannot_tell", "bert")


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


def test_one_visit_cannot_tell():
    rows = [row for row in CROSSING if row["visit"] == 0]

    assert advise_run(rows, lengths_around(1300), Wanted())["verdict"] == "cannot_tell"


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


def test_less_memory_is_advised_when_memory_is_the_objective():
    found = advise_run(CROSSING, lengths_around(1300), Wanted("memory"))

    assert found["recommended"]["variant"] == "local_bert"


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


@pytest.mark.parametrize(("length", "verdict"), [(510, "saves"), (520, "keep_vanilla")])
def test_of_several_crossings_the_place_of_the_data_decides(length, verdict):
    def staircase(tokens: float) -> float:
        return 0.8 * vanilla_law(256 * math.ceil(tokens / 256))

    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("longformer", "mask_fixed", staircase, attention_window=256),
    ]
    data = LengthDistribution.from_lengths([length] * 9, "made up", "text", "nowhere")

    assert advise_run(rows, data, Wanted())["verdict"] == verdict


def test_a_kernel_that_packs_in_its_attention_alone_is_not_said_to_compute_no_padding():
    rows = [
        *rows_of("hubert", "sdpa", vanilla_law, modality="speech"),
        *rows_of("lhubert", "local_varlen", linear_law, modality="speech", attention_window=32),
    ]

    found = advise_run(rows, lengths_around(1300, "speech"), THROUGHPUT)

    policies = {a["policy"] for a in [found["recommended"], *found["alternatives"]]}
    assert policies == {"pad_to_maximum", "dynamic", "buckets"}


def test_a_vanilla_one_without_padding_is_packed_too():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("bert", "unpadded", vanilla_law),
        *rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
    ]

    found = advise_run(rows, lengths_around(300), THROUGHPUT)

    named = [found["recommended"], *found["alternatives"]]
    packed = {a["implementation"] for a in named if a["policy"] == "packed"}
    policies = {a["policy"] for a in named if a["implementation"] == "unpadded"}
    assert packed == {"unpadded"}
    assert policies == {"packed"}  # padding costs it nothing: any other would be the same


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


def masked_rows(ratio: float, packing_ratio: float):
    """Return an `sdpa` and an `unpadded` of the same costs, whose masks add different amounts."""

    def ratios(value: float) -> dict[str, Any]:
        return {"masked_step_ratio": value, "throughput_masked_step_ratio": value}

    return [
        *rows_of("bert", "sdpa", vanilla_law, **ratios(ratio)),
        *rows_of("bert", "unpadded", vanilla_law, **ratios(packing_ratio)),
    ]


def test_packing_is_advised_only_where_it_costs_less_than_the_padding_that_it_saves():
    cheap = advise_run(masked_rows(1.1, 1.1), lengths_around(300), THROUGHPUT)
    dear = advise_run(masked_rows(1.1, 2.0), lengths_around(300), THROUGHPUT)

    assert cheap["recommended"]["implementation"] == "unpadded"
    assert dear["recommended"]["implementation"] == "sdpa"


def test_padded_batches_cost_as_much_more_as_their_masks_add():
    plain, masked = (
        advise_run(masked_rows(ratio, 9.0), lengths_around(300), THROUGHPUT) for ratio in (1.0, 1.2)
    )

    assert masked["cost_per_sample"] == pytest.approx(1.2 * plain["cost_per_sample"], rel=0.01)


def test_a_run_without_masked_steps_says_what_it_does_not_know():
    def warned(rows, wanted):
        return any("`masked_steps`" in note for note in advise_run(rows, DATA, wanted)["notes"])

    assert warned(CROSSING, THROUGHPUT)
    assert not warned(masked_rows(1.1, 1.1), THROUGHPUT)
    assert not warned(CROSSING, Wanted())  # one sample at a time, each at its own length


def test_a_visit_without_a_ratio_leaves_all_masks_uncounted():
    unknown = {"masked_step_ratio": None, "throughput_masked_step_ratio": None}
    rows = masked_rows(1.5, 9.0)
    some = [row | unknown if row["visit"] == 1 else row for row in rows]
    none = [row | unknown for row in rows]

    costs = [advise_run(each, DATA, THROUGHPUT)["cost_per_sample"] for each in (some, none)]
    assert costs[0] == costs[1]


def test_what_the_registry_cautions_of_a_variant_is_noted_where_it_is_recommended():
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of("fnet", "library", lambda n: 0.5 * vanilla_law(n)),
    ]

    found = advise_run(rows, lengths_around(1300), Wanted())

    assert found["recommended"]["variant"] == "fnet"
    assert found["ceiling"] is None
    assert any(note.startswith("fnet has no mask, so that padding") for note in found["notes"])
