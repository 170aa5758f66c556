import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from profiling.analysis.answers.judging import ONE_VISIT
from profiling.report.answers.sections import build_sections
from profiling.report.answers.verdicts import describe_comparison, describe_verdict
from profiling.report.table import print_sections, sections_as_markdown
from profiling.report.words import NO_ANSWERS, VERDICTS
from tests.samples.rows.run import sample_tipping_points


def shown(tipping_points: list[dict[str, Any]]) -> str:
    """Return what a terminal of 100 columns shows."""
    console = Console(width=100, color_system=None, file=io.StringIO())
    with console.capture() as capture:
        print_sections(build_sections(tipping_points), console)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


CROSSES: dict[str, Any] = {
    "modality": "text",
    "phase": "inference",
    "metric": "latency",
    "vanilla": "bert",
    "vanilla_implementation": "eager",
    "efficient": "longformer",
    "efficient_implementation": "library",
    "attention_window": 512,
    "comparison": "like_for_like",
    "verdict": "crosses",
    "tipping_point": 1240.4,
    "ci_low": 1100.0,
    "ci_high": 1400.0,
    "longest_measured": 4096,
    "interval_from": "visits",
    "lengths": [{"length": 128, "outcome": "win"}, {"length": 256, "outcome": "lose"}],
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1,240 [1,100-1,400]"),
        ({"at_most": True}, "at most 1,400"),
        ({"verdict": "undecided", "reason": "one visit decides nothing"}, "undecided*"),
        ({"interval_from": None}, "1,240"),
        ({"ci_low": None}, "1,240"),
        ({"verdict": "several"}, "1,240 [1,100-1,400] last of several"),
        ({"verdict": "always", "tipping_point": 128}, "always (from 128)"),
        ({"verdict": "never_in_range", "tipping_point": None}, "never up to 4,096"),
        ({"verdict": "undecided", "tipping_point": None}, "undecided"),
        ({"verdict": "wins_only_below", "tipping_point": None}, "only below 256"),
        ({"verdict": "wins_only_below", "lengths": []}, "only below"),
    ],
)
def test_a_verdict_is_said_in_a_few_words(changes: dict, words: str) -> None:
    assert describe_verdict(CROSSES | changes).text == words


def test_every_verdict_is_explained() -> None:
    verdicts = {"crosses", "several", "always", "never_in_range", "undecided", "wins_only_below"}
    assert set(VERDICTS) == verdicts


def test_a_pair_names_both_sides_and_the_best_ones_stay_unnamed() -> None:
    assert describe_comparison(CROSSES) == "library vs eager"
    assert describe_comparison(CROSSES | {"comparison": "pair"}) == "library vs bert eager"
    best = CROSSES | {"comparison": "best_vs_best", "efficient_implementation": "library/mask"}
    assert describe_comparison(best) == "best vs best"


def test_comparisons_that_agree_in_every_metric_share_a_line() -> None:
    other = CROSSES | {"comparison": "best_vs_best"}
    (line,) = build_sections([CROSSES, other])[0].lines
    assert line.comparisons == ("library vs eager", "best vs best")
    assert [cell.text for cell in line.cells][1:] == ["not measured", "not measured"]
    # On the terminal each has its answers: a blank would look like nothing measured.
    lines = shown([CROSSES, other]).splitlines()
    assert sum("not measured" in line for line in lines) == 2
    two = build_sections([CROSSES, other | {"verdict": "undecided"}])[0].lines
    assert len(two) == 2


def test_sections_are_told_apart_by_setting_only_where_settings_differ() -> None:
    (alone,) = build_sections([CROSSES | {"size": "base", "precision": "32"}])
    assert alone.title == "text, inference: from how many tokens on it beats bert"
    both = build_sections(
        [CROSSES | {"size": size, "precision": "32"} for size in ("base", "tiny")]
    )
    assert [section.setting for section in both] == ["base", "tiny"]
    assert both[0].title == "text, inference (base): from how many tokens on it beats bert"


def test_the_table_fits_100_columns_with_every_answer_on_one_line() -> None:
    text = shown(sample_tipping_points())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "text, inference: from how many tokens on it beats bert" in lines
    assert any("local_masked vs eager" in line and "never up to 4,096" in line for line in lines)
    assert sum("best vs best  " in line for line in lines) == 12  # six variants, two phases


FAILED_BEYOND: dict[str, Any] = {
    "length": 8192,
    "outcome": "missing",
    "reason": "longformer library: ended with signal 9",
}


def test_why_something_is_undecided_is_noted_once_for_all_it_is_about() -> None:
    row = CROSSES | {"verdict": "undecided", "reason": ONE_VISIT}
    text = shown([row, row | {"metric": "memory"}])
    assert text.count("one visit decides nothing") == 1
    assert "*" not in shown([CROSSES])


def test_a_failure_beyond_the_longest_compared_length_is_noted() -> None:
    row = CROSSES | {"lengths": [*CROSSES["lengths"], FAILED_BEYOND]}
    text = " ".join(shown([row]).split())
    assert "1,240 [1,100-1,400]*" in text
    assert "at 8,192 tokens not compared (longformer library: ended with signal 9)" in text
    page_form = sections_as_markdown(build_sections([row]))
    assert "ended with signal 9" in page_form


def test_running_out_of_memory_on_both_sides_needs_no_note() -> None:
    item = FAILED_BEYOND | {"reason": "both run out of memory"}
    assert "*" not in shown([CROSSES | {"lengths": [item]}])


def test_the_table_says_what_chance_alone_would_decide() -> None:
    text = " ".join(shown([CROSSES] * 40).split())
    assert "Of 40 comparisons about 2 would be decided by chance" in text


def test_at_most_and_proven_from_are_explained_where_they_stand() -> None:
    text = " ".join(shown([CROSSES | {"at_most": True, "proven_from": 2048}]).split())
    assert "at most: The efficient variant lost nowhere" in text
    assert "proven_from, in the report, is stricter" in text
    assert "at most:" not in shown([CROSSES])


def test_weights_are_named_where_there_are_some() -> None:
    text = shown([CROSSES | {"checkpoint": "my/model-a"}, CROSSES])
    assert "(model-a)" in text
    both = CROSSES | {"vanilla_checkpoint": "my/plain-b"}
    assert "of bert (plain-b)" in shown([both])


def test_no_tipping_points_is_said() -> None:
    output = io.StringIO()
    print_sections([], Console(file=output))
    assert output.getvalue().startswith("No tipping points")
    assert sections_as_markdown([]) == f"{NO_ANSWERS}\n"


@given(st.text(alphabet="ab|[]*_<>`\\$/", min_size=1, max_size=12))
def test_names_never_break_the_tables(name: str) -> None:
    row = CROSSES | {"efficient": name, "attention_window": None}
    assert name in shown([row])
    line = sections_as_markdown(build_sections([row])).splitlines()[4]
    assert line.replace("\\|", "").replace("\\\\", "").count("|") == 6
