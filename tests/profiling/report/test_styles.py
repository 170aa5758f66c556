"""Colours, strokes and markers: what is told apart, and how."""

from profiling.analysis.points.curves import build_curves
from profiling.report.palette import COLOURS, VANILLA_COLOUR, Styles
from tests.samples.rows.run import (
    sample_rows,
    sample_tipping_points,
)


def test_a_variant_has_one_colour_and_its_implementations_have_strokes() -> None:
    curves = build_curves(sample_rows())
    styles = Styles.of(curves, sample_tipping_points()).contenders
    by_label = {contender.label: style for contender, style in styles.items()}
    library, fixed = by_label["longformer w512 library"], by_label["longformer w512 mask_fixed"]
    assert library.colour == fixed.colour
    assert (library.dash, library.symbol) != (fixed.dash, fixed.symbol)
    text = {
        style.colour
        for contender, style in styles.items()
        if contender.variant in {"bert", "longformer", "nystromformer", "bigbird", "local_bert"}
    }
    assert len(text) == 5


def test_two_vanilla_variants_share_neither_colour_nor_stroke_nor_marker() -> None:
    names = {"bert": "twin_full", "local_bert": "twin"}
    rows = [row for row in sample_rows() if row["variant"] in names]
    rows += [row | {"variant": names[row["variant"]]} for row in rows]
    compared = [{"vanilla": "bert"}, {"vanilla": "twin_full"}]
    styles = Styles.of(build_curves(rows), compared)
    assert styles.variants["bert"] == VANILLA_COLOUR
    vanilla = [s for c, s in styles.contenders.items() if c.variant in ("bert", "twin_full")]
    assert len(vanilla) == 4
    assert len({style.colour for style in vanilla}) == 2
    for names_of in (lambda s: s.dash, lambda s: s.symbol, lambda s: s.figure_marker):
        assert len({names_of(style) for style in vanilla}) == 4


def test_variants_beyond_the_last_colour_begin_with_strokes_of_their_own() -> None:
    row = next(row for row in sample_rows() if row["status"] == "ok")
    rows = [row | {"variant": f"v{number}"} for number in range(len(COLOURS) + 2)]
    styles = Styles.of(build_curves(rows), []).contenders.values()
    looks = {(style.colour, style.dash, style.symbol) for style in styles}
    assert len(looks) == len(rows)
