"""The most that any attention could save, in sentences and under the curves."""

import io
from typing import Any

import pytest
from rich.console import Console

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.components import component_curves
from profiling.analysis.points.curves import build_curves
from profiling.report.answers.sections import build_sections
from profiling.report.ceilings import ceiling_sentences, ceilings_by_vanilla, describe_reach
from profiling.report.charts.ceiling import LABEL, ceiling_traces
from profiling.report.charts.ratios import ratio_traces
from profiling.report.palette import Styles
from profiling.report.table import print_sections, sections_as_markdown
from profiling.report.tensorboard.components import ceiling_scalars, component_scalars
from tests.samples.rows.components import core_share, with_components
from tests.samples.rows.run import sample_rows, sample_tipping_points

CEILINGS = {100: 0.1, 400: 0.3}


def answer(kind: str = "best_vs_best", ceilings: Any = CEILINGS, **fields: Any) -> dict[str, Any]:
    items = [
        {"length": length, "outcome": "lose", "ratio": 1.1, "ci_low": 1.0, "ci_high": 1.2,
         "ceiling": ceiling}
        for length, ceiling in ceilings.items()
    ]  # fmt: skip
    base = {"modality": "text", "phase": "inference", "metric": "latency", "vanilla": "bert",
            "efficient": "longformer", "verdict": "never_in_range"}  # fmt: skip
    return base | {"comparison": kind, "lengths": items} | fields


def data(*lengths: int) -> LengthDistribution:
    return LengthDistribution.from_lengths(list(lengths), "letters", "text", "nowhere")


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ((200,), "Attention is 20 % of the step of bert at 200 tokens, the mean of letters: "),
        ((100, 100, 400), "20 % of the step of bert at 200 tokens"),
        ((20, 30), "10 % of the step of bert at 100 tokens, the nearest known to the mean of "
                   "letters (25): "),
        ((900,), "30 % of the step of bert at 400 tokens, the nearest known"),
    ],
)  # fmt: skip
def test_the_ceiling_is_told_at_the_mean_of_the_data(lengths: tuple[int, ...], words: str) -> None:
    (sentence,) = ceiling_sentences([answer()], [data(*lengths)])
    assert words in sentence
    assert sentence.endswith(": no efficient attention can save more.")


def test_names_of_data_are_said_as_they_are() -> None:
    named = [
        LengthDistribution.from_lengths([200], name, "text", "nowhere")
        for name in ("reviews{1}", "{}", "{news")
    ]
    (sentence,) = ceiling_sentences([answer()], named)
    assert sentence == (
        "Attention is 20 % of the step of bert at 200 tokens, the mean of reviews{1} and 20 % at "
        "200 tokens, the mean of {} and 20 % at 200 tokens, the mean of {news: no efficient "
        "attention can save more."
    )


def test_without_data_it_is_told_at_the_shortest_and_the_longest_length() -> None:
    (sentence,) = ceiling_sentences([answer()])
    assert "10 % of the step of bert at 100 tokens and 30 % at 400 tokens:" in sentence


def test_one_length_is_told_once() -> None:
    (sentence,) = ceiling_sentences([answer(ceilings={256: 0.042})], [data(256, 256)])
    assert sentence.startswith("Attention is 4 % of the step of bert at 256 tokens, the mean")
    (alone,) = ceiling_sentences([answer(ceilings={256: 0.042})])
    assert alone.count("256") == 1


def test_nothing_is_said_where_no_ceiling_is_known() -> None:
    assert ceiling_sentences([]) == ()
    assert ceiling_sentences([answer(ceilings={100: None})], [data(100)]) == ()


def test_the_ceiling_of_the_best_implementation_is_the_one_that_is_told() -> None:
    alike = answer("like_for_like", {100: 0.5, 200: 0.6, 400: 0.7})
    assert ceilings_by_vanilla([alike, answer()]) == {"bert": CEILINGS}
    assert ceilings_by_vanilla([alike]) == {"bert": {100: 0.5, 200: 0.6, 400: 0.7}}


def test_each_vanilla_variant_has_a_sentence() -> None:
    other = answer(vanilla="modernbert_full", efficient="modernbert")
    first, second = ceiling_sentences([answer(), other])
    assert "step of bert at" in first
    assert "step of modernbert_full at" in second


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (0.9, "saves 10 % of the step, of which attention takes 30 %"),
        (0.5, "saves 50 %, more than the 30 % that attention takes"),
        (1.2, "saves nothing of the 30 % that attention takes"),
    ],
)
def test_what_a_variant_reaches_of_the_ceiling_is_said(ratio: float, words: str) -> None:
    assert describe_reach({"ratio": ratio, "ceiling": 0.3}) == words
    assert describe_reach({"ratio": ratio, "ceiling": None}) == ""


def test_terminal_and_markdown_say_it_below_the_table() -> None:
    sections = build_sections([answer()], [data(200)])
    console = Console(width=100, color_system=None, file=io.StringIO())
    with console.capture() as capture:
        print_sections(sections, console)
    words = "Attention is 20 % of the step of bert at 200 tokens"
    assert words in capture.get()
    assert words in sections_as_markdown(sections)


def test_lengths_of_another_modality_do_not_count() -> None:
    frames = LengthDistribution.from_lengths([200], "meetings", "speech", "nowhere")
    (section,) = build_sections([answer()], [frames])
    assert "meetings" not in section.ceilings[0]


def test_a_line_under_the_ratios_says_how_low_attention_can_bring_them() -> None:
    (line,) = ceiling_traces([answer(), answer(efficient="bigbird")], "tokens")
    assert line["x"] == [100, 400]
    assert line["y"] == [pytest.approx(0.9), pytest.approx(0.7)]
    assert line["meta"] == {"comparison": "best_vs_best"}  # not of one variant: no button hides it
    assert line["name"] == LABEL


def test_comparisons_and_vanilla_variants_have_lines_of_their_own() -> None:
    twin = answer(vanilla="modernbert_full")
    lines = ceiling_traces([answer(), answer("like_for_like"), twin], "tokens")
    places = [(line["meta"]["comparison"], line["name"]) for line in lines]
    assert places == [
        ("best_vs_best", f"{LABEL} (bert)"),
        ("like_for_like", f"{LABEL} (bert)"),
        ("best_vs_best", f"{LABEL} (modernbert_full)"),
    ]


def test_where_attention_is_everything_or_unknown_no_line_is_drawn() -> None:
    assert ceiling_traces([answer(ceilings={100: 1.0, 400: None})], "tokens") == []


def test_a_ratio_says_what_is_reached_of_the_ceiling() -> None:
    row = sample_tipping_points()[0] | {"lengths": answer()["lengths"]}
    traces = ratio_traces([row], Styles.of(build_curves(sample_rows()), [row]), "tokens")
    (line,) = [trace for trace in traces if "hovertemplate" in trace]
    assert [item[2] for item in line["customdata"]] == [
        f"<br>saves nothing of the {share} % that attention takes" for share in (10, 30)
    ]


def test_tensorboard_has_the_shares_and_the_ceiling_by_length() -> None:
    rows = with_components(row for row in sample_rows() if row["modality"] == "speech")
    curves = [c for c in component_curves(rows) if c.contender.label == "hubert sdpa"]
    shares = [s for s in component_scalars(curves) if s.tag.endswith("share/attention_core")]
    inference = [s for s in shares if s.tag.startswith("speech/inference/")]
    assert [s.length for s in inference] == [99, 249, 499, 1499, 2999]
    row = next(row for row in rows if row["sequence_length"] == 499)
    assert inference[2].value == pytest.approx(core_share(row))
    ceilings = ceiling_scalars(sample_tipping_points(rows))
    assert set(ceilings) == {"ceiling-hubert-best_vs_best", "ceiling-hubert-like_for_like"}
    tags = {scalar.tag for scalar in ceilings["ceiling-hubert-best_vs_best"]}
    assert tags == {"speech/inference/ceiling", "speech/training/ceiling"}
