"""What may be compared with what, from hand-written measurements."""

from collections.abc import Mapping
from typing import Any

import pytest

from lightning_modules.variants import VARIANTS
from profiling.comparisons import (
    CONDITIONS,
    Comparison,
    ModalityFacts,
    find_comparisons,
    parse_pair,
    read_side,
    registry_facts,
)
from profiling.errors import SettingsError

Row = dict[str, Any]
FACTS = ModalityFacts("plain", {"quick": "library", "wide": "masked"})


def row(variant: str, implementation: str, length: int = 512, **fields: Any) -> Row:
    """Return one visit of a text point that took 10 ms, unless `fields` say otherwise."""
    given: Row = {
        "key": f"{variant}-{implementation}-{length}",
        "visit": 0,
        "status": "ok",
        "modality": "text",
        "phase": "inference",
        "size": "small",
        "precision": "32-true",
        "device": "cpu",
        "device_name": "a processor",
        "variant": variant,
        "implementation": implementation,
        "attention_window": None,
        "checkpoint": None,
        "sequence_length": length,
        "input_size": None,
        "latency_ms": 10.0,
        "latency_ms_samples": [10.0] * 6,
        "throughput_samples_per_s": 4.0,
        "peak_memory_mib": 100.0,
    }
    return given | fields


def compare(rows: list[Row], *pairs: str) -> list[Comparison]:
    """Return the comparisons by the hand-written facts."""
    return find_comparisons(rows, pairs, lambda _: FACTS)


def visits(costs: Mapping[int, float], variant: str, implementation: str) -> list[Row]:
    """Return one row per visit."""
    return [
        row(variant, implementation, visit=visit, latency_ms=cost) for visit, cost in costs.items()
    ]


@pytest.mark.parametrize("modality", sorted(VARIANTS))
def test_the_registry_gives_every_efficient_variant_an_implementation(modality: str) -> None:
    facts = registry_facts(modality)
    assert set(facts.like_for_like) | {facts.vanilla} == set(VARIANTS[modality])
    for variant, implementation in facts.like_for_like.items():
        assert implementation in VARIANTS[modality][variant].implementations


def test_like_for_like_takes_eager_and_the_registered_implementation() -> None:
    rows = [row("plain", "eager"), row("plain", "sdpa"), row("quick", "library")]
    rows.append(row("quick", "fused"))
    like, best = compare(rows)
    assert (like.kind, best.kind) == ("like_for_like", "best_vs_best")
    assert (list(like.vanilla_points), list(like.efficient_points)) == (["eager"], ["library"])
    assert (len(best.vanilla_points), len(best.efficient_points)) == (2, 2)


def test_like_for_like_needs_both_of_its_implementations() -> None:
    kinds = [found.kind for found in compare([row("plain", "sdpa"), row("quick", "library")])]
    assert kinds == ["best_vs_best"]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_rows_under_different_conditions_never_meet(condition: str) -> None:
    other: Row = {condition: "vision" if condition == "modality" else "another", "input_size": 512}
    assert compare([row("plain", "eager"), row("quick", "library", **other)]) == []


def test_every_window_is_a_variant_of_its_own() -> None:
    rows = [row("plain", "eager")]
    rows += [row("wide", "masked", attention_window=window) for window in (256, 32)]
    found = compare(rows)
    assert [comparison.attention_window for comparison in found] == [32, 32, 256, 256]
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
    assert (pair.kind, pair.vanilla, pair.efficient) == ("pair", "quick", "quick")
    assert (list(pair.vanilla_points), list(pair.efficient_points)) == (["fused"], ["library"])


def test_a_pair_of_two_windowed_variants_never_mixes_windows() -> None:
    rows = [row("wide", "masked", attention_window=window) for window in (32, 256)]
    rows += [row("wide", "blocked", attention_window=window) for window in (32, 64)]
    found = compare(rows, "wide:masked,wide:blocked")
    assert [comparison.attention_window for comparison in found] == [32]


@pytest.mark.parametrize("pair", ["plain,quick", "plain:sdpa", "a:b,c:d,e:f", ""])
def test_a_malformed_pair_is_a_mistake_of_the_user(pair: str) -> None:
    with pytest.raises(SettingsError, match="`pairs` takes"):
        parse_pair(pair)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ok", "error", "error"], "ok"),
        (["ok", "ok", "oom"], "ok"),
        (["ok", "oom", "oom"], "oom"),
        (["ok", "oom"], "oom"),
        (["error", "oom"], "oom"),
        (["error", "error"], "missing"),
        (["skipped"], "skipped"),
        ([], "missing"),
    ],
)
def test_visits_that_disagree_settle_on_a_status(statuses: list[str], expected: str) -> None:
    rows = [
        row("plain", "eager", visit=visit, status=status) for visit, status in enumerate(statuses)
    ]
    assert read_side("eager", rows, "latency").status == expected


@pytest.mark.parametrize("value", [None, float("nan"), 0.0])
def test_a_metric_without_a_usable_value_is_missing_not_lost(value: float | None) -> None:
    rows = [row("plain", "eager", visit=0), row("plain", "eager", visit=1, latency_ms=value)]
    assert list(read_side("eager", rows, "latency").costs) == [0]
    assert read_side("eager", rows[1:], "latency").status == "missing"


def test_only_visits_under_the_last_key_count() -> None:
    old = visits({0: 1.0, 1: 1.0, 2: 1.0}, "plain", "eager")
    new = [other | {"key": "newer", "latency_ms": 2.0} for other in old[:2]]
    assert read_side("eager", old + new, "latency").costs == {0: 2.0, 1: 2.0}


def test_the_best_implementation_is_chosen_by_the_other_visits() -> None:
    rows = visits({0: 10.0, 1: 10.0, 2: 10.0}, "quick", "library")
    rows += visits({0: 11.0, 1: 11.0, 2: 8.0}, "quick", "lucky_once")
    rows += visits({0: 20.0, 1: 20.0, 2: 20.0}, "plain", "eager")
    _, quick = compare(rows)[-1].sides("latency")[512]
    # Visit 2 must not choose `lucky_once` for being lucky in visit 2.
    assert quick.costs[2] == 10.0
    assert quick.implementation == "lucky_once"


def test_an_infeasible_implementation_is_not_the_best_one() -> None:
    rows = [row("plain", "eager", status="oom"), row("plain", "sdpa"), row("quick", "library")]
    vanilla, _ = compare(rows)[-1].sides("latency")[512]
    assert (vanilla.status, vanilla.implementation) == ("ok", "sdpa")


def test_the_best_is_unknown_where_a_working_implementation_failed() -> None:
    rows = [row("plain", name, length) for name in ("eager", "sdpa") for length in (512, 1024)]
    rows[-1]["status"] = "error"
    rows += [row("quick", "library", length) for length in (512, 1024)]
    sides = compare(rows)[-1].sides("latency")
    assert [vanilla.status for vanilla, _ in sides.values()] == ["ok", "missing"]


def test_an_implementation_that_never_worked_does_not_hide_the_others() -> None:
    rows = [row("plain", "eager"), row("plain", "sdpa", status="error"), row("quick", "library")]
    vanilla, _ = compare(rows)[-1].sides("latency")[512]
    assert (vanilla.status, vanilla.implementation) == ("ok", "eager")
