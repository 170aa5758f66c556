"""A report says with which model of a vanilla variant was compared where it has several."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.tipping_points import find_ladder, find_tipping_points
from profiling.report.answers.sections import Section, build_sections
from profiling.report.charts.inputs import comparison_choice
from profiling.report.charts.ladder import build_ladder_chart
from profiling.report.figures.ratios import draw_ratio, need_names
from profiling.report.material import Material
from profiling.report.notes import gather_notes
from profiling.report.page.parts import parts_of
from profiling.report.vanilla_models import with_vanilla_marked
from tests.samples.rows.answers import answer_of
from tests.samples.rows.curves import LENGTHS, WOBBLE, Row, rows_of

NAMES = ["bert (a/export)", "bert (b/export)"]
DATA = LengthDistribution.from_lengths([200, 300, 3000], "speeches", "text", "nowhere")


def twins(*checkpoints: str | None) -> list[Row]:
    """Return what was measured of Longformer and of a BERT per checkpoint, in two kernels."""
    found = rows_of("longformer", dict.fromkeys(LENGTHS, 5.0))
    for place, checkpoint in enumerate(checkpoints):
        costs = dict.fromkeys(LENGTHS, 10.0 * (place + 1))
        found += rows_of("bert", costs, checkpoint=checkpoint)
        found += rows_of("bert", costs, checkpoint=checkpoint, implementation="sdpa")
    return found


def modernberts() -> list[Row]:
    """Return what was measured of the other vanilla variant of texts, and of its partner."""
    how: dict[str, Any] = {"wobble": WOBBLE["bert"], "implementation": "sdpa"}
    found = rows_of("modernbert_full", dict.fromkeys(LENGTHS, 9.0), attention_window=None, **how)
    return found + rows_of("modernbert", dict.fromkeys(LENGTHS, 6.0), **how)


def told(rows: list[Row]) -> tuple[Section, Material]:
    answers, ladder = find_tipping_points(rows), find_ladder(rows)
    sections = build_sections(answers, [DATA], ladder)
    (section,) = sections
    return section, Material.of(rows, answers, sections, {}).beside(ladder)


def best_choices(material: Material) -> set[str]:
    choices = {comparison_choice(row) for row in material.tipping_points}
    return {choice for choice in choices if choice.startswith("best_vs_best")}


def test_two_models_are_two_choices_of_the_charts() -> None:
    _, material = told(twins("runs/a/export", "runs/b/export"))
    assert best_choices(material) == {f"best_vs_best of {name}" for name in NAMES}
    (part,) = parts_of(material, [])
    assert [part.choices[f"best_vs_best of {name}"] for name in NAMES] == [
        f"the best implementation of each of {name}" for name in NAMES
    ]


def test_weights_beside_none_are_two_choices_as_well() -> None:
    _, material = told(twins("runs/a/export", None))
    assert best_choices(material) == {"best_vs_best of bert", "best_vs_best of bert (export)"}


def test_a_single_model_with_weights_shares_its_choice_with_other_vanilla_variants() -> None:
    _, material = told(twins("runs/a/export") + modernberts())
    vanilla = {row["vanilla"] for row in material.tipping_points}
    assert vanilla == {"bert", "modernbert_full"}
    assert best_choices(material) == {"best_vs_best"}


def test_sentences_of_the_ladder_and_of_shares_say_which() -> None:
    section, _ = told(twins("runs/a/export", "runs/b/export"))
    about = [sentence.split(":")[0] for sentence in section.ladder]
    assert about == [f"Latency, with the kernels of {name}" for name in NAMES]
    (shares,) = section.shares
    assert f"longformer w512 wins over {NAMES[0]}; " in shares
    assert f"(longformer w512 over {NAMES[1]})" in shares


def test_sentences_with_a_single_model_do_without() -> None:
    section, _ = told(twins("runs/a/export"))
    assert [sentence.split(":")[0] for sentence in section.ladder] == ["Latency"]
    assert all("export" not in sentence for sentence in (*section.ladder, *section.shares))


def test_the_chart_of_the_ladder_and_its_table_say_which() -> None:
    _, material = told(twins("runs/a/export", "runs/b/export"))
    chart = build_ladder_chart(material.ladder, material.styles)
    assert chart is not None
    headings = [each["text"] for each in chart["layout"]["annotations"]]
    assert headings == [text for name in NAMES for text in ("<b>longformer w512</b> against", name)]
    assert [line[2] for line in chart["table"]["rows"]] == [name for name in NAMES for _ in "12"]
    hovers = {trace["hovertemplate"].split(":")[0] for trace in chart["data"]}
    kernels = [f"{kernel} of {name}" for name in NAMES for kernel in ("eager", "sdpa")]
    assert hovers == {f"longformer w512 against {kernel}" for kernel in kernels}


def test_curves_of_a_still_picture_have_names_and_markers_of_their_own() -> None:
    _, material = told(twins("runs/a/export", "runs/b/export"))
    rows = [row for row in material.tipping_points if row["metric"] == "latency"]
    axes = Figure().subplots()
    draw_ratio(axes, rows, material.styles)
    handles, names = axes.get_legend_handles_labels()
    assert names == [f"longformer w512 over {name}" for name in NAMES]
    fills = [handle.get_fillstyle() for handle in handles if isinstance(handle, Line2D)]
    assert fills == ["full", "none"]
    assert need_names(rows, material.styles)


def test_notes_say_which_where_one_of_them_has_a_note() -> None:
    rows = [
        answer_of("one", ["lose", "win"], vanilla_checkpoint="A"),
        answer_of("one", ["tie"], vanilla_checkpoint="B", reason="too few visits"),
    ]
    (note,) = gather_notes(with_vanilla_marked(rows))
    assert note == "text inference one over bert (B): too few visits"
    assert gather_notes(rows) == ["text inference one: too few visits"]
