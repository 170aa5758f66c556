"""What may be compared with what, from hand-written measurements."""

import pytest

from lightning_modules.variants import VARIANTS
from profiling.analysis.answers.comparisons import Model
from profiling.analysis.answers.finding_comparisons import registered_opponents
from profiling.analysis.points.groups import Contender
from profiling.errors import SettingsError
from profiling.rows.columns import shared_conditions
from profiling.rows.pairs import kernel_name, parse_pair
from tests.samples.rows.comparisons import Row, compare, row


@pytest.mark.parametrize("modality", sorted(VARIANTS))
def test_the_registry_gives_every_efficient_variant_an_implementation(modality: str) -> None:
    opponents = registered_opponents(modality)
    vanilla = {name for name, variant in VARIANTS[modality].items() if variant.is_vanilla}
    assert set(opponents) | vanilla == set(VARIANTS[modality])
    for variant, opponent in opponents.items():
        assert opponent.like_for_like in VARIANTS[modality][variant].implementations
        assert opponent.vanilla in vanilla


def test_like_for_like_takes_eager_and_the_registered_implementation() -> None:
    rows = [row("plain", "eager"), row("plain", "sdpa"), row("quick", "library")]
    rows.append(row("quick", "fused"))
    like, best = compare(rows)
    assert (like.kind, best.kind) == ("like_for_like", "best_vs_best")
    assert (list(like.vanilla_points), list(like.efficient_points)) == (["eager"], ["library"])
    assert (len(best.vanilla_points), len(best.efficient_points)) == (2, 2)


def test_a_compiled_kernel_stands_beside_the_others_of_its_model() -> None:
    rows = [row("plain", "eager"), row("plain", "eager", compiled=True)]
    rows += [row("quick", "library", compiled=compiled) for compiled in (True, False)]
    like, best = compare(rows)
    assert (like.kind, best.kind) == ("like_for_like", "best_vs_best")
    assert (list(like.vanilla_points), list(like.efficient_points)) == (["eager"], ["library"])
    assert list(best.vanilla_points) == ["eager", "eager compiled"]
    assert list(best.efficient_points) == ["library", "library compiled"]


def test_like_for_like_never_takes_compiled_kernels() -> None:
    rows = [row("plain", "eager", compiled=True), row("quick", "library", compiled=True)]
    assert [found.kind for found in compare(rows)] == ["best_vs_best"]


def test_the_best_of_a_side_may_be_a_compiled_kernel() -> None:
    rows = [row("plain", "eager", visit=visit) for visit in (0, 1)]
    rows += [
        row("quick", "library", visit=visit, compiled=compiled, latency_ms=4.0 if compiled else 9.0)
        for visit in (0, 1)
        for compiled in (False, True)
    ]
    best = compare(rows)[-1].sides("latency")[512][1]
    assert best.implementation == "library compiled"
    assert best.costs == {0: 4.0, 1: 4.0}


def test_a_pair_may_name_a_compiled_kernel() -> None:
    rows = [row("plain", "eager", compiled=compiled) for compiled in (False, True)]
    given = compare(rows, "plain:eager,plain:eager compiled")[-1]
    assert given.kind == "pair"
    assert (list(given.vanilla_points), list(given.efficient_points)) == (
        ["eager"],
        ["eager compiled"],
    )
    assert Contender.of(rows[1]).kernel == kernel_name("eager", compiled=True)


def test_like_for_like_needs_both_of_its_implementations() -> None:
    kinds = [found.kind for found in compare([row("plain", "sdpa"), row("quick", "library")])]
    assert kinds == ["best_vs_best"]


@pytest.mark.parametrize(
    "condition", ["modality", *(column.name for column in shared_conditions())]
)
def test_rows_under_different_conditions_never_meet(condition: str) -> None:
    other: Row = {condition: "vision" if condition == "modality" else "another", "input_size": 512}
    assert compare([row("plain", "eager"), row("quick", "library", **other)]) == []


def test_every_window_is_a_variant_of_its_own() -> None:
    rows = [row("plain", "eager")]
    rows += [row("wide", "masked", attention_window=window) for window in (256, 32)]
    found = compare(rows)
    assert [comparison.efficient.attention_window for comparison in found] == [32, 32, 256, 256]
    assert all(len(comparison.efficient_points) == 1 for comparison in found)


def test_vision_is_compared_by_image_side_and_text_by_tokens() -> None:
    rows = [
        row("plain", "eager", modality="vision", sequence_length=197, input_size=224),
        row("quick", "library", modality="vision", sequence_length=3136, input_size=224),
        row("plain", "eager", sequence_length=197, input_size=900),
        row("quick", "library", sequence_length=197, input_size=1000),
    ]
    by_modality = {found.conditions["modality"]: found.sides("latency") for found in compare(rows)}
    assert {modality: list(sides) for modality, sides in by_modality.items()} == {
        "text": [197],
        "vision": [224],
    }


def test_a_pair_compares_the_two_that_were_given() -> None:
    rows = [row("plain", "sdpa"), row("quick", "library"), row("quick", "fused")]
    pair = compare(rows, "quick:fused,quick:library")[-1]
    assert (pair.kind, pair.vanilla, pair.efficient) == ("pair", Model("quick"), Model("quick"))
    assert (list(pair.vanilla_points), list(pair.efficient_points)) == (["fused"], ["library"])


def test_a_pair_of_one_variants_kernels_never_mixes_windows() -> None:
    rows = [row("wide", "masked", attention_window=window) for window in (32, 256)]
    rows += [row("wide", "blocked", attention_window=window) for window in (32, 64)]
    found = compare(rows, "wide:masked,wide:blocked")
    assert [comparison.efficient.attention_window for comparison in found] == [32]


def test_a_pair_of_two_variants_compares_their_windows_whatever_they_are() -> None:
    rows = [row("wide", "masked", attention_window=256)]
    rows += [row("quick", "library", attention_window=window) for window in (32, 128)]
    found = compare(rows, "wide:masked,quick:library")
    windows = [(c.vanilla.attention_window, c.efficient.attention_window) for c in found]
    assert windows == [(256, 32), (256, 128)]


def test_somebodys_weights_are_compared_with_the_vanilla_variant_all_the_same() -> None:
    rows = [row("plain", "eager"), row("quick", "library", checkpoint="my/weights")]
    like, best = compare(rows)
    assert like.vanilla == best.vanilla == Model("plain")
    assert like.efficient == best.efficient == Model("quick", checkpoint="my/weights")


def test_every_pair_of_weights_is_a_comparison_of_its_own() -> None:
    rows = [row("plain", "sdpa", checkpoint=weights) for weights in (None, "a")]
    rows += [row("quick", "library", checkpoint=weights) for weights in (None, "b", "c")]
    found = compare(rows)
    names = {(c.vanilla.checkpoint, c.efficient.checkpoint) for c in found}
    assert len(found) == len(names) == 2 * 3


@pytest.mark.parametrize("pair", ["plain,quick", "plain:sdpa", "a:b,c:d,e:f", ""])
def test_a_malformed_pair_is_a_mistake_of_the_user(pair: str) -> None:
    with pytest.raises(SettingsError, match="`pairs` takes"):
        parse_pair(pair)
