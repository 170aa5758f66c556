"""Advice on kernels whose layers leave padding out, which all else of a model computes."""

from typing import Any

import pytest

from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import find_candidates
from profiling.advising.contenders import Wanted, measure
from profiling.advising.newest import find_newest
from tests.samples.rows.advising import (
    THROUGHPUT,
    advise_run,
    lengths_around,
    rows_of,
    vanilla_law,
)


def mostly_short(modality: str, short: int = 200, long: int = 1600) -> LengthDistribution:
    """Return samples of two lengths: nearly every batch of chance is padded to the longer one."""
    lengths = [short] * 70 + [long] * 30
    return LengthDistribution.from_lengths(lengths, "made up", modality, "nowhere")


LEAST = 0.7 * vanilla_law(200) + 0.3 * vanilla_law(1600) + 0.5 / 8  # of a sample, without padding


def unpadded_beside_padded(
    modality: str, wanted: Wanted, **fields: Any
) -> tuple[dict[tuple[str, str], dict[str, Any]], list[str]]:
    """Return what is said of kernel and policy, `unpadded` a little dearer, and the notes."""
    variant = {"text": "bert", "speech": "hubert"}[modality]
    rows = [
        *rows_of(variant, "sdpa", vanilla_law, modality=modality),
        *rows_of(
            *(variant, "unpadded", lambda n: 1.01 * vanilla_law(n)), modality=modality, **fields
        ),
    ]
    found = advise_run(rows, mostly_short(modality), wanted)
    listed = [{**found, **found["recommended"]}, *found["alternatives"]]
    return {(a["implementation"], a["policy"]): a for a in listed}, found["notes"]


@pytest.mark.parametrize("modality", ["text", "speech"])
def test_who_leaves_padding_out_in_its_layers_alone_is_charged_for_it_at_most(modality):
    named, notes = unpadded_beside_padded(modality, THROUGHPUT)

    policies = {policy for kernel, policy in named if kernel == "unpadded"}
    assert policies == {"pad_to_maximum", "dynamic", "buckets"}
    ours, padded = named["unpadded", "dynamic"], named["sdpa", "dynamic"]["cost_per_sample"]
    assert ours["cost_per_sample"] == pytest.approx(1.01 * padded, rel=0.01)
    assert 1 - ours["ci_high"] == pytest.approx(1.01 * LEAST / padded, rel=0.03)
    assert 1 - ours["ci_low"] == pytest.approx(1.01, rel=0.03)
    assert any("unpadded is told at most" in note for note in notes)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_breakdown_tells_how_much_of_a_step_is_computed_on_padding(share):
    components = {
        "feature_encoder": {"share": 0.5 * share},
        "head": {"share": 0.3 * share},
        "feed_forward": {"share": 0.8 * (1 - share)},
        "optimiser": {"share": 0.2},  # no padding adds to it
    }
    named, notes = unpadded_beside_padded("speech", THROUGHPUT, components=components)

    padded = named["sdpa", "dynamic"]["cost_per_sample"]
    expected = 1.01 * (LEAST + share * (padded - LEAST))
    assert named["unpadded", "dynamic"]["cost_per_sample"] == pytest.approx(expected, rel=0.01)
    assert not any("at most" in note for note in notes)


def test_memory_of_who_leaves_padding_out_in_its_layers_alone_is_told_at_most():
    named, notes = unpadded_beside_padded("text", Wanted("memory", batch_size=8))

    ours, padded = named["unpadded", "dynamic"], named["sdpa", "dynamic"]["peak_memory_mib"]
    assert ours["peak_memory_mib"] == pytest.approx(padded, rel=0.02)
    assert ours["ci_high"] > 0.1
    assert any("the memory of bert unpadded is told at most" in note for note in notes)


def test_who_saves_less_than_a_vanilla_one_may_save_is_not_taken():
    known = [
        *rows_of("bert", "sdpa", vanilla_law),
        *rows_of(
            *("local_bert", "local_blocked", lambda n: 0.97 * vanilla_law(n)), attention_window=32
        ),
    ]
    given = (known, [*known, *rows_of("bert", "unpadded", vanilla_law)])

    verdicts = [advise_run(rows, lengths_around(300), THROUGHPUT)["verdict"] for rows in given]

    assert verdicts == ["saves", "cannot_tell"]


def test_lengths_that_nobody_measured_are_told_of_layers_that_leave_padding_out():
    layers_alone = {"feed_forward": {"share": 1.0}}
    rows = rows_of("bert", "unpadded", vanilla_law, components=layers_alone)
    newest = find_newest(rows, "text", "inference")
    assert newest
    found = find_candidates(measure(newest, THROUGHPUT), mostly_short("text", 16, 512), THROUGHPUT)
    (dynamic,) = (each for each in found if each.plan.policy == "dynamic")
    # Nearly every batch is padded to 512, and the layers compute on samples of 16, too.
    assert dynamic.cost.extrapolated_share > 0.1
    assert dynamic.cost.extrapolation_error > 0.02
