"""Still pictures: however long and many the names are, all of them is seen and covers no curve."""

from typing import Any

import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, BboxBase

from profiling.analysis.points.curves import build_curves
from profiling.report.figures.curves import draw_figure
from profiling.report.figures.frame import LOOK
from profiling.report.palette import Styles
from tests.samples.rows.answers import answer_of
from tests.samples.rows.run import small_rows

DEVICE = "NVIDIA RTX PRO 6000 BLACKWELL WORKSTATION EDITIONS"
CHECKPOINT = "trained-on-much-speech-of-many-countries"
LENGTHS = (64, 128, 224)


def drawn(
    num_contenders: int, windows: tuple[int | None, ...] = (None,), checkpoint: str = CHECKPOINT
) -> Figure:
    """Return the picture of contenders with long names, the answers with so many windows."""
    one = [row for row in small_rows() if row["variant"] == "vit"]
    one = [row for row in one if row["implementation"] == "sdpa"]
    names = {"device_name": DEVICE, "checkpoint": checkpoint, "memory_budget_gib": 18.0}
    rows = [row | names | {"variant": f"v{n}"} for n in range(num_contenders) for row in one]
    curves = [curve for curve in build_curves(rows) if curve.phase == "inference"]
    weights: dict[str, Any] = {"checkpoint": checkpoint, "modality": "vision"}
    answers = [answer_of("v1", ["win"], attention_window=each, **weights) for each in windows]
    title = f"vision, inference ({curves[0].setting.describe()})"
    with rc_context(LOOK):
        figure = draw_figure(title, curves, answers, Styles.of(curves, answers))
        figure.draw_without_rendering()
    return figure


def frame_of(figure: Figure) -> list[Bbox]:
    """Return where title and lists of names are, from above."""
    (title,) = figure.texts
    return [each.get_window_extent() for each in (title, *figure.legends)]


def lies_in(inner: Bbox, outer: BboxBase) -> bool:
    inside = inner.x0 >= outer.x0 and inner.y0 >= outer.y0
    return bool(inside and inner.x1 <= outer.x1 and inner.y1 <= outer.y1)


@pytest.mark.parametrize("num_contenders", [1, 5, 18])
@pytest.mark.parametrize("windows", [(None,), (64, 128, 256)])
def test_title_and_names_lie_inside_a_picture_and_panels_between_them(
    num_contenders: int, windows: tuple[int | None, ...]
) -> None:
    figure = drawn(num_contenders, windows)
    frame = frame_of(figure)
    assert len(frame) == 2 + (len(windows) > 1)
    assert all(lies_in(each, figure.bbox) for each in frame)
    boxes = (axes.get_tightbbox() for axes in figure.axes)
    panels = Bbox.union([box for box in boxes if box is not None])
    below = [end for each in frame[1:] for end in (each.y1, each.y0)]
    ends = [frame[0].y0, panels.y1, panels.y0, *below]
    assert ends == sorted(ends, reverse=True)


def test_more_names_make_a_picture_higher_and_leave_the_panels_as_they_are() -> None:
    few, many = (drawn(number) for number in (2, 18))
    assert many.get_figheight() > few.get_figheight()
    heights = [axes.get_window_extent().height for axes in (few.axes[0], many.axes[0])]
    assert heights[0] == pytest.approx(heights[1])


def test_a_long_name_takes_the_columns_that_it_needs_and_is_shown_in_full() -> None:
    figure = drawn(18)
    (names,) = ([text.get_text() for text in legend.get_texts()] for legend in figure.legends)
    assert len(names) == 18
    assert all(CHECKPOINT in name for name in names)
    (title,) = figure.texts
    assert DEVICE in " ".join(title.get_text().split())


def test_a_name_with_dollars_is_shown_as_it_is_and_not_read_as_mathematics() -> None:
    figure = drawn(1, checkpoint="$\\frac$")
    (names,) = ([text.get_text() for text in legend.get_texts()] for legend in figure.legends)
    assert all("$\\frac$" in name for name in names)
