"""What fits into memory, as the page shows it."""

from collections.abc import Sequence
from typing import Any

from profiling.report.charts.frontier import build_frontier_chart
from profiling.report.material import Material
from profiling.report.page.rendering import render_page
from tests.samples.places import ROOT
from tests.samples.rows.frontier import search
from tests.samples.rows.run import charts_of, sample_manifest, sample_rows


def page_of(frontier: Sequence[dict[str, Any]]) -> str:
    rows = [row for row in sample_rows() if row["modality"] == "text"]
    return render_page(Material.of(rows, [], [], sample_manifest(), (), frontier))


def test_a_run_without_a_frontier_has_no_place_for_it() -> None:
    assert "What fits into memory" not in page_of([])


def test_batches_are_drawn_by_length_and_the_longest_input_is_told() -> None:
    page = page_of([search(512, 60), search(128, 240), search(None, 7936)])
    assert "What fits into memory: text" in page
    assert "7,936 (7,939 does not fit)" in page
    drawn = [chart for chart in charts_of(page) if chart["table"]["columns"][2] == "largest batch"]
    (chart,) = drawn
    assert chart["table"]["rows"] == [
        ["bert eager", 128, 240, 243, "memory"],
        ["bert eager", 512, 60, 63, "memory"],
    ]
    assert chart["data"][0]["x"] == [128, 512]


def test_a_batch_at_an_unknown_length_is_not_drawn() -> None:
    page = page_of([search(None, 64, searched="batch_size")])
    assert not [c for c in charts_of(page) if "largest batch" in c["table"]["columns"]]


def test_what_memory_did_not_limit_is_a_lower_bound() -> None:
    reached = search(None, 900, limited_by="time", infeasible=None)
    assert "at least 900 (the time was over)" in page_of([reached])
    chart = build_frontier_chart([search(128, 512, limited_by="cap", infeasible=None)], {})
    assert chart["data"][0]["marker"]["symbol"] == ["triangle-up-open"]


def test_a_search_whose_time_was_over_does_not_say_that_nothing_fits() -> None:
    page = page_of([search(None, None, limited_by="time", infeasible=None)])
    assert "<td>unknown (the time was over)</td>" in page
    assert "<td>none" not in page
    assert "<td>none (64 does not fit)</td>" in page_of([search(None, None, infeasible=64)])


def test_where_not_even_one_sample_fits_is_told_and_in_the_numbers() -> None:
    page = page_of([search(512, 60), search(8192, None, infeasible=1)])
    assert "bert eager, inference: a batch of 1 does not fit at 8,192 tokens." in page
    (chart,) = (c for c in charts_of(page) if "largest batch" in c["table"]["columns"])
    assert chart["table"]["rows"][1] == ["bert eager", 8192, None, 1, "memory"]
    assert chart["data"][0]["x"] == [512]
    alone = page_of([search(8192, None, infeasible=None, limited_by="time")])
    assert "a batch of 1 was not tried to the end at 8,192 tokens." in alone


def test_the_page_promises_of_a_search_what_the_readme_does() -> None:
    promise = "is at most 4 % larger (or the next larger one) fails"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = page_of([search(128, 512, limited_by="time")]).replace("&nbsp;", " ")
    for text in (readme, page):
        assert promise in " ".join(text.split())


def test_a_search_that_failed_says_why_and_draws_nothing() -> None:
    page = page_of([search(128, None, status="error", error="killed by SIGKILL", limited_by=None)])
    assert "bert eager, inference, largest batch: killed by SIGKILL" in page
    assert not [c for c in charts_of(page) if "largest batch" in c["table"]["columns"]]
