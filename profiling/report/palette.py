"""Colours and strokes, the same in the page and in the figures; imports no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from profiling.analysis.curves import Contender, Curve, family_of
from profiling.rows.columns import Row

# Okabe and Ito's colours, which stay apart for colour-blind readers; their pale yellow is left out.
VANILLA_COLOUR = "#3d3d3d"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b0508a", "#e69f00", "#56b4e9")
# Stroke and marker of an implementation: plotly's names, then matplotlib's.
STROKES = (
    ("solid", "circle", "-", "o"),
    ("dash", "square", "--", "s"),
    ("dot", "diamond", ":", "D"),
    ("dashdot", "triangle-up", "-.", "^"),
    ("longdash", "triangle-down", (0, (8, 3)), "v"),
    ("longdashdot", "cross", (0, (8, 3, 2, 3)), "P"),
)


@dataclass(frozen=True)
class Style:
    """How one contender is drawn."""

    colour: str
    dash: str
    symbol: str
    figure_dash: str | tuple[int, tuple[int, ...]]
    figure_marker: str


def vanilla_names(tipping_points: Iterable[Row]) -> set[str]:
    """Return the variants that the others were compared with; a given pair decides nothing."""
    rows = list(tipping_points)
    usual = [row for row in rows if row.get("comparison") != "pair"]
    return {str(row["vanilla"]) for row in usual or rows}


def variant_colours(curves: Iterable[Curve], vanilla: set[str]) -> dict[str, str]:
    """Return a colour per variant: grey for the vanilla ones, else by order in its modality."""
    colours: dict[str, str] = {}
    taken: dict[str, int] = {}
    for curve in curves:
        name = curve.contender.variant
        if name in colours:
            continue
        if name in vanilla:
            colours[name] = VANILLA_COLOUR
            continue
        index = taken.get(curve.modality, 0)
        colours[name] = COLOURS[index % len(COLOURS)]
        taken[curve.modality] = index + 1
    return colours


def contender_styles(curves: Iterable[Curve], vanilla: set[str]) -> dict[Contender, Style]:
    """Return a style per contender: colour says the variant, stroke the implementation.

    A second window of a variant takes the next stroke that this variant has not used.
    """
    curves = list(curves)
    colours = variant_colours(curves, vanilla)
    strokes: dict[str, list[Contender]] = {}
    for curve in curves:
        used = strokes.setdefault(curve.contender.variant, [])
        if curve.contender not in used:
            used.append(curve.contender)
    return {
        contender: Style(colours[variant], *STROKES[index % len(STROKES)])
        for variant, used in strokes.items()
        for index, contender in enumerate(used)
    }


def family_styles(curves: Iterable[Curve], vanilla: set[str]) -> dict[str, Style]:
    """Return a style per family, for what stands for all its implementations together.

    Colour says the variant, stroke its window: the first one is solid.
    """
    curves = list(curves)
    colours = variant_colours(curves, vanilla)
    families: dict[str, list[str]] = {}
    for curve in curves:
        known = families.setdefault(curve.contender.variant, [])
        if curve.contender.family not in known:
            known.append(curve.contender.family)
    return {
        family: Style(colours[variant], *STROKES[index % len(STROKES)])
        for variant, known in families.items()
        for index, family in enumerate(known)
    }


def row_style(row: Row, families: Mapping[str, Style]) -> Style:
    """Return the style of the efficient side of a tipping point row."""
    return families.get(efficient_family(row), Style(COLOURS[0], *STROKES[0]))


def efficient_family(row: Row) -> str:
    """Return the name of the efficient side of a tipping point row, with its window."""
    return family_of(str(row["efficient"]), row.get("attention_window"), row.get("checkpoint"))


def vanilla_family(row: Row) -> str:
    """Return the name of the vanilla side of a tipping point row, the same way."""
    window, checkpoint = row.get("vanilla_attention_window"), row.get("vanilla_checkpoint")
    return family_of(str(row["vanilla"]), window, checkpoint)
