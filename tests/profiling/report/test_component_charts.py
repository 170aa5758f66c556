"""Where the time of a step goes, as the page shows it."""

import re
from functools import cache
from html import unescape
from typing import Any

import pytest

from profiling.analysis.points.components import ComponentCurve, component_curves
from profiling.report.charts.component_bars import highest_bars
from profiling.report.charts.component_looks import LOOKS, in_order
from profiling.report.charts.components import build_component_chart
from profiling.report.material import Material
from profiling.report.page.breakdowns import closures_of
from profiling.report.page.rendering import render_page
from tests.samples.rows.components import REFUSED, core_share, with_components, without_closure
from tests.samples.rows.run import charts_of, sample_manifest, sample_report, sample_rows

HEADING, CLOSURE = "Where the time of a step goes", "Do the components add up?"


@cache
def rows() -> list[dict[str, Any]]:
    """Return the sample rows of text with components, which do not add up at one point."""
    text = with_components(row for row in sample_rows() if row["modality"] == "text")
    return [without_closure(row) if is_refused(row) else row for row in text]


def is_refused(row: dict[str, Any]) -> bool:
    point = (row["variant"], row["implementation"], row["phase"], row["sequence_length"])
    return point == ("longformer", "library", "inference", 1024)


def curve_of(label: str, phase: str) -> ComponentCurve:
    found = (c for c in component_curves(rows()) if c.contender.label == label)
    return next(curve for curve in found if curve.group.phase == phase)


def chart_of(label: str, phase: str) -> dict[str, Any]:
    curve = curve_of(label, phase)
    return build_component_chart(curve, highest_bars([curve]))


def bars_of(chart: dict[str, Any], measure: str) -> dict[float, list[tuple[float, float]]]:
    """Return by place the pieces of each bar as (from, to), in the order of drawing."""
    found: dict[float, list[tuple[float, float]]] = {}
    for trace in chart["data"]:
        if trace.get("meta", {}).get("measure") == measure:
            for x, y, base in zip(trace["x"], trace["y"], trace["base"], strict=True):
                found.setdefault(x, []).append((base, base + y))
    return found


@cache
def page() -> str:
    return render_page(Material.of(rows(), [], [], sample_manifest()))


def test_a_run_without_a_breakdown_has_no_place_for_components() -> None:
    plain = (sample_report() / "report.html").read_text()
    for words in (HEADING, CLOSURE, "data-contender=&#34;bert eager&#34;", "<dt>ceiling"):
        assert words not in plain


def test_every_contender_has_a_chart_per_phase() -> None:
    drawn = [chart for chart in charts_of(page()) if any(t["type"] == "bar" for t in chart["data"])]
    assert len(drawn) == 2 * 8
    assert page().count(HEADING) == 1


def test_in_inference_a_bar_adds_up_to_the_step_without_gaps() -> None:
    chart = chart_of("bert sdpa", "inference")
    bars = bars_of(chart, "share")
    assert len(bars) == 6
    for pieces in bars.values():
        assert pieces[0][0] == 0
        assert all(a[1] == pytest.approx(b[0]) for a, b in zip(pieces, pieces[1:], strict=False))
        assert pieces[-1][1] == pytest.approx(1)
    assert chart["layout"]["xaxis"]["ticktext"][0] == "128"


def test_in_training_forward_backward_and_optimiser_stand_apart() -> None:
    bars = bars_of(chart_of("bert sdpa", "training"), "share")
    assert len(bars) == 3 * 6
    forward, backward, optimiser = (bars[x] for x in sorted(bars)[:3])
    assert len(optimiser) == 1
    assert optimiser[0] == pytest.approx((0, 0.08))
    assert forward[-1][1] == pytest.approx(0.92 * 0.35)
    assert backward[-1][1] == pytest.approx(0.92 * 0.65)


def test_the_share_of_attention_can_be_read_from_the_axis() -> None:
    bars = bars_of(chart_of("bert eager", "inference"), "share")
    row = next(row for row in rows() if row["sequence_length"] == 4096)
    assert bars[5][0] == pytest.approx((0, core_share(row)))


def test_milliseconds_add_up_to_the_latency_and_charts_share_a_scale() -> None:
    curves = [curve_of(label, "inference") for label in ("bert eager", "bert sdpa")]
    highest = highest_bars(curves)
    scales = {
        tuple(build_component_chart(curve, highest)["layout"]["yaxis2"]["range"])
        for curve in curves
    }
    assert len(scales) == 1
    tops = [max(p[-1][1] for p in bars_of(chart_of(c, "inference"), "ms").values())
            for c in ("bert eager", "bert sdpa")]  # fmt: skip
    assert highest["ms"] == pytest.approx(max(tops))


def test_what_did_not_add_up_is_marked_and_its_reason_said() -> None:
    chart = chart_of("longformer w512 library", "inference")
    (mark,) = [trace for trace in chart["data"] if trace["name"] == "not shown"]
    place = chart["layout"]["xaxis"]["ticktext"].index("1,024")
    assert mark["x"] == [place]
    assert mark["customdata"] == [[REFUSED]]
    assert place not in bars_of(chart, "share")
    assert f"at 1,024 {REFUSED}" in unescape(page())


def test_the_page_says_how_well_components_add_up() -> None:
    found = closures_of(rows(), component_curves(rows()))
    by_name = {(item.name, item.phase): item for item in found}
    whole = by_name["bert sdpa", "training"]
    assert (len(whole.shown), whole.words, whole.reasons) == (6, "101%", [])
    partly = by_name["longformer w512 library", "inference"]
    assert 1024 not in partly.shown
    assert len(partly.reasons) == 1
    assert CLOSURE in page()


def test_how_well_they_add_up_is_told_of_each_device() -> None:
    both = [*rows(), *(row | {"device_name": "another one"} for row in rows())]
    found = closures_of(both, component_curves(both))
    assert len({(item.name, item.phase, item.setting) for item in found}) == len(found)
    assert "another one" in {item.setting for item in found}


def test_components_of_an_earlier_effort_are_in_no_sum() -> None:
    earlier = [row | {"min_samples": 1, "components_closure": 0.5} for row in rows()]
    both = [*earlier, *rows()]
    found = closures_of(both, component_curves(both))
    assert found == closures_of(rows(), component_curves(rows()))


def test_the_table_of_a_chart_has_every_number_that_is_known_of_a_component() -> None:
    flops = [
        row | {"components": {name: part | {"flops": 5.0} for name, part in told.items()}}
        for row in rows()
        if (told := row.get("components"))
    ]
    (curve,) = [
        c
        for c in component_curves(flops)
        if (c.contender.label, c.group.phase) == ("bert sdpa", "inference")
    ]
    table = build_component_chart(curve, highest_bars([curve]))["table"]
    assert table["columns"][3:] == [
        "forward_ms",
        "backward_ms",
        "share",
        "flops",
        "not shown because",
    ]
    assert len(table["rows"]) == 6 * 7
    assert all(row[6] == 5.0 for row in table["rows"])


def test_components_keep_their_order_and_unknown_ones_come_last() -> None:
    assert in_order(["other", "novelty", "attention_core"]) == [
        "attention_core",
        "other",
        "novelty",
    ]


def test_components_are_told_apart_without_colour() -> None:
    looks = list(LOOKS.values())
    neighbours = zip(looks, looks[1:], strict=False)
    assert all(a.pattern != b.pattern for a, b in neighbours)
    assert len({look.colour for look in looks}) == len(looks)


def test_the_legend_names_what_was_drawn_and_nothing_else() -> None:
    legends = re.findall(r'<ul class="legend">(.*?)</ul>', page(), re.DOTALL)
    inference, training = (set(re.findall(r"</span>(\w+)</li>", text)) for text in legends)
    assert training - inference == {"optimiser"}
    assert "feature_encoder" not in training
