"""The most that any attention could save is what the vanilla one's attention takes."""

from typing import Any

import pytest

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.points.components import component_curves
from tests.samples.rows.comparisons import OPPONENTS, row

LENGTHS = (128, 512)


def parts(core: float) -> dict[str, dict[str, float]]:
    return {
        "attention_core": {"forward_ms": core, "backward_ms": 0.0, "share": core / 10},
        "feed_forward": {"forward_ms": 10 - core, "backward_ms": 0.0, "share": 1 - core / 10},
    }


def rows(**fields: Any) -> list[dict[str, Any]]:
    """Return two visits of two lengths; the attention of the plain one takes a part of 10 ms."""
    plain = [
        row("plain", "eager", length, visit=visit, components=parts(core + visit), **fields)
        for length, core in zip(LENGTHS, (1.0, 6.0), strict=True)
        for visit in (0, 1)
    ]
    quick = [
        row("quick", "library", length, visit=visit, latency_ms=8.0, components=parts(0.5))
        for length in LENGTHS
        for visit in (0, 1)
    ]
    return plain + quick


def answer(measured: list[dict[str, Any]], metric: str = "latency") -> dict[str, Any]:
    found = find_tipping_points(measured, opponents=lambda _: OPPONENTS)
    return next(r for r in found if r["metric"] == metric and r["comparison"] == "like_for_like")


def test_the_ceiling_is_the_share_of_the_vanilla_attention_at_each_length() -> None:
    found = answer(rows())
    ceilings = {item["length"]: item["ceiling"] for item in found["lengths"]}
    assert ceilings == {128: pytest.approx(0.15), 512: pytest.approx(0.65)}
    assert found["ceiling_at_longest"] == pytest.approx(0.65)


def test_the_ceiling_is_as_sure_as_its_visits_agree() -> None:
    found = answer(rows())
    # Shares of 0.6 and 0.7: the t interval of two, 12.7 times the standard error of 0.05.
    assert found["ceiling_at_longest_ci_low"] == pytest.approx(0.65 - 0.635, abs=0.001)
    assert found["ceiling_at_longest_ci_high"] == 1.0
    assert found["lengths"][0]["ceiling_ci_low"] == 0.0


def test_one_visit_says_nothing_of_how_sure_the_ceiling_is() -> None:
    found = answer([one for one in rows() if one["visit"] == 0])
    assert found["ceiling_at_longest"] == pytest.approx(0.6)
    assert found["ceiling_at_longest_ci_low"] is None


def test_shares_of_two_efforts_never_mix() -> None:
    newer = [{**one, "min_samples": 50, "components": parts(3.0)} for one in rows()]
    newest = [{**one, "min_samples": 99, "components": None} for one in rows()]
    for measured in (rows() + newer, rows() + newer + newest):
        assert answer(measured)["ceiling_at_longest"] == pytest.approx(0.3)
        (plain, _) = component_curves(measured)
        assert plain.points[512]["attention_core"]["share"] == pytest.approx(0.3)


def test_other_metrics_have_no_ceiling() -> None:
    assert answer(rows(), "memory")["ceiling_at_longest"] is None


def test_without_a_breakdown_there_is_no_ceiling() -> None:
    measured = [{**one, "components": None} for one in rows()]
    assert answer(measured)["ceiling_at_longest"] is None


def test_a_variant_that_differs_in_more_than_its_attention_has_no_ceiling() -> None:
    def sized(variant: str, kernel: str, cost: float) -> list[dict[str, Any]]:
        fields = {"modality": "vision", "components": parts(3.0)}
        return [
            row(variant, kernel, side, visit=visit, latency_ms=cost, input_size=side, **fields)
            for side in (224, 448)
            for visit in (0, 1)
        ]

    for one in find_tipping_points(sized("vit", "eager", 10.0) + sized("swin", "eager", 8.0)):
        assert one["ceiling_at_longest"] is None


def test_components_that_do_not_close_are_told_with_the_reason() -> None:
    refused = {"components": None, "components_error": "they add up to 130%"}
    measured = [{**one, **refused} if one["sequence_length"] == 512 else one for one in rows()]
    curves = {curve.contender.variant: curve for curve in component_curves(measured)}
    assert list(curves["plain"].points) == [128]
    assert curves["plain"].refused == {512: "they add up to 130%"}
    assert curves["plain"].points[128]["attention_core"]["forward_ms"] == pytest.approx(1.5)
