"""Where advice ends: what does not fit, what was not measured, and the notes that say so."""

from dataclasses import replace

import pytest

from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampled
from profiling.advising.contenders import Wanted
from profiling.advising.words import as_lines
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.answers.verdicts import shown_value
from profiling.errors import SettingsError
from tests.samples.rows.advising import (
    CROSSING,
    LENGTHS,
    advise_run,
    lengths_around,
    rows_of,
    vanilla_law,
)


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
    assert near["recommended"] == far["recommended"]
    known, foreseen = (found["ci_high"] - found["ci_low"] for found in (near, far))
    assert foreseen > 10 * known


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


def test_the_ceiling_is_that_of_the_vanilla_kernel_that_was_compared():
    rows = [
        *(row | {"components": {"attention_core": {"share": 0.4}}} for row in CROSSING),
        *rows_of(  # cheaper, but not within the budget, and never broken down
            *("bert", "sdpa", lambda n: 0.9 * vanilla_law(n)),
            compiled=True,
            peak_memory_mib=9000.0,
        ),
    ]

    found = advise_run(rows, lengths_around(1300), Wanted(budget_gib=1.0))

    assert found["ceiling"] == pytest.approx(0.4)


def test_beyond_the_lengths_that_were_broken_down_there_is_no_ceiling():
    def share(tokens: int) -> float:
        return 2e-5 * tokens**2 / (0.5 + vanilla_law(tokens))

    rows = [
        row | {"components": {"attention_core": {"share": share(row["sequence_length"])}}}
        for row in CROSSING
    ]

    inside, beyond = (advise_run(rows, lengths_around(n), Wanted()) for n in (1300, 8000))

    assert inside["ceiling"] >= inside["saving"]
    assert beyond["ceiling"] is None
    assert any("broken down up to 2,048 tokens only" in note for note in beyond["notes"])


def test_a_batch_that_did_not_fit_is_not_advised_at_its_length_or_beyond():
    rows = [
        row | {"largest_batch_size": 4, "largest_batch_limited_by": "memory"}
        if row["variant"] == "bert" and row["sequence_length"] >= 1024
        else row
        for row in CROSSING
    ]

    def problems_of_bert(middle: int, batch_size: int) -> set[str]:
        wanted = Wanted("throughput", batch_size=batch_size)
        found = advise_run(rows, lengths_around(middle), wanted)
        named = [*found["alternatives"], found["recommended"]]
        return {p for a in named if a["variant"] == "bert" for p in a.get("problems", ())}

    assert problems_of_bert(1300, 8) == {"a batch of 8 at 1,024 did not fit into memory"}
    assert not problems_of_bert(1300, 7)  # tried were 4, which fitted, and 8
    assert not problems_of_bert(300, 8)


def test_a_batch_that_did_not_fit_is_not_advised_where_samples_are_padded_to_its_length():
    limited = {"largest_batch_size": 4, "largest_batch_limited_by": "memory"}
    rows = [
        *rows_of("bert", "sdpa", vanilla_law),
        *(
            row | limited if row["sequence_length"] >= 1024 else row
            for row in rows_of("longformer", "library", vanilla_law, attention_window=512)
        ),
    ]
    data = LengthDistribution.from_lengths([1000] * 16, "made up", "text", "nowhere")

    found = advise_run(rows, data, Wanted("throughput", batch_size=8))

    problems = {p for a in found["alternatives"] for p in a["problems"]}
    assert problems == {"a batch of 8 at 1,024 did not fit into memory"}


def test_who_cannot_compute_what_samples_are_padded_to_is_not_advised_to_pad_them():
    rows = [
        row | {"status": "oom", "latency_ms": None, "throughput_samples_per_s": None}
        if row["variant"] == "bert" and row["sequence_length"] > 1024
        else row
        for row in CROSSING
    ]

    found = advise_run(rows, lengths_around(300), Wanted(max_length=2048))

    problems = {a["policy"]: a["problems"] for a in found["alternatives"] if a["variant"] == "bert"}
    assert problems["pad_to_maximum"] == [
        "samples are padded to 2,048 tokens, more than 1,024, beyond which it ran out of memory"
    ]
    assert not problems.get("dynamic")


def test_a_budget_that_no_measured_memory_can_be_held_against_is_refused():
    rows = [row | {"peak_memory_mib": None} for row in CROSSING]

    with pytest.raises(SettingsError, match="`budget_gib` must have a run .* that measured memory"):
        advise_run(rows, lengths_around(1300), Wanted(budget_gib=1000.0))


def test_who_is_left_out_for_want_of_memory_figures_is_not_said_to_be_unable():
    rows = [
        row | {"peak_memory_mib": None} if row["variant"] == "bert" else row for row in CROSSING
    ]

    found = advise_run(rows, lengths_around(1300), Wanted(budget_gib=1000.0))

    assert found["verdict"] == "only_feasible"
    assert as_lines(found, "ms")[0].endswith("no vanilla one is known to run these data.")


def test_lengths_that_were_drawn_are_said_to_be_a_part():
    data = replace(lengths_around(1300), sampled=Sampled(10**6, 0))

    drawn, whole = (advise_run(CROSSING, each, Wanted())["notes"]
                    for each in (data, lengths_around(1300)))  # fmt: skip

    assert any(note.startswith("100 of 1,000,000 samples were drawn: ") for note in drawn)
    assert not any("drawn" in note for note in whole)
    some_empty = replace(data, sampled=Sampled(10**6, 0, drawn=120))
    notes = advise_run(CROSSING, some_empty, Wanted())["notes"]
    assert any(note.startswith("120 of 1,000,000 samples were drawn: ") for note in notes)


def test_nothing_is_longer_than_what_all_samples_are_cut_to_drawn_or_not():
    data = replace(lengths_around(1300), sampled=Sampled(10**6, 0))

    def note(max_length: int | None) -> str:
        notes = advise_run(CROSSING, data, Wanted(max_length=max_length))["notes"]
        (drawn,) = [each for each in notes if "were drawn" in each]
        return drawn

    assert note(1000).endswith("do not hold the chance of the draw")
    assert all("longer samples than" in note(max_length) for max_length in (None, 4000))


def test_images_are_not_said_to_be_padded():
    rows = [
        row | {"modality": "vision", "input_size": side, "sequence_length": (side // 16) ** 2 + 1}
        for row in [
            *rows_of("vit", "sdpa", vanilla_law),
            *rows_of("swin", "eager", lambda n: 0.5 * vanilla_law(n)),
        ]
        for side in [row["sequence_length"]]
    ]

    found = advise_run(rows, lengths_around(300, "vision"), Wanted("throughput", batch_size=8))

    assert found["padding_share"] == 0
    assert not any("padding is" in line or ", padding" in line for line in as_lines(found, "ms"))


def test_images_are_held_against_what_was_measured_at_the_sides_that_are_computed():
    sides = dict(zip(LENGTHS, (448, 480, 512, 544, 576, 608), strict=True))

    def law_of_vit(length: float) -> float:
        return 0.01 * (sides[round(length)] / 16) ** 2

    def law_of_swin(length: float) -> float:
        return law_of_vit(length) * (1.4 if sides[round(length)] <= 544 else 0.6)

    limited = {"largest_batch_size": 4, "largest_batch_limited_by": "memory"}
    rows = [
        row
        | {"modality": "vision", "input_size": side, "sequence_length": (side // 16) ** 2 + 1}
        | (limited if row["variant"] == "vit" and side >= 576 else {})
        for row in [*rows_of("vit", "sdpa", law_of_vit), *rows_of("swin", "eager", law_of_swin)]
        for side in [sides[row["sequence_length"]]]
    ]
    data = LengthDistribution.from_lengths([546] * 16, "made up", "vision", "nowhere")

    (begins,) = [
        shown_value(row)
        for row in find_tipping_points(rows)
        if (row["metric"], row["comparison"]) == ("latency", "best_vs_best")
    ]
    one = advise_run(rows, data, Wanted())
    eight = advise_run(rows, data, Wanted("throughput", batch_size=8))

    assert 546 < begins <= 576  # the images are computed at 576
    assert one["share_beyond"] == 1
    assert not any("longer data would change" in note for note in one["notes"])
    problems = {p for a in eight["alternatives"] if a["variant"] == "vit" for p in a["problems"]}
    assert problems == {"a batch of 8 at 576 did not fit into memory"}


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
