"""Colours and strokes, the same in the page and in the figures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from profiling.analysis.points.checkpoints import name_in
from profiling.analysis.points.curves import Curve
from profiling.analysis.points.groups import Contender, family_of
from profiling.analysis.points.maximum import maximum_words
from profiling.rows.columns import Row

T = TypeVar("T")

# Okabe and Ito's colours, which stay apart for colour-blind readers. Their pale yellow is left out,
# and the two that are pale on white are darker.
VANILLA_COLOUR = "#3d3d3d"
# A modality may have several vanilla variants: those after the first are of a lighter grey, and
# have strokes of their own, because two greys alone are hard to tell apart.
VANILLA_COLOURS = (VANILLA_COLOUR, "#767676")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b0508a", "#a87400", "#3a96cc")
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


@dataclass(frozen=True)
class Styles:
    """How everything in a report is drawn.

    Args:
        contenders: Colour says the variant, stroke the implementation. A second window of a
            variant takes the next stroke that this variant has not used, and a variant that must
            share its hue the next one that those of this hue have not used.
        families: What stands for all implementations together: stroke says the window, the first
            one is solid.
        variants: The colour of every variant: a grey for the vanilla ones, else by order in its
            modality.
    """

    contenders: Mapping[Contender, Style]
    families: Mapping[str, Style]
    variants: Mapping[str, str]

    @classmethod
    def of(cls, curves: Sequence[Curve], tipping_points: Iterable[Row]) -> "Styles":
        """Choose the styles of all curves of a report."""
        colours = _variant_colours(curves, vanilla_names(tipping_points))
        contenders = {(c.modality, c.contender.variant, c.contender): None for c in curves}
        families = {(c.modality, c.contender.variant, c.contender.family): None for c in curves}
        return cls(_styled(contenders, colours), _styled(families, colours), colours)

    def of_row(self, row: Row) -> Style:
        """Return the style of the efficient side of a tipping point row."""
        return self.families.get(efficient_family(row), _style(COLOURS[0], 0))


def _style(colour: str, place: int) -> Style:
    return Style(colour, *STROKES[place % len(STROKES)])


def _styled(named: Iterable[tuple[str, str, T]], colours: Mapping[str, str]) -> dict[T, Style]:
    """Give everything a style: the strokes of one hue in one modality are counted through.

    Args:
        named: Modality, variant and what is styled, in the order of the legend.
        colours: Of the variants.
    """
    taken: Counter[tuple[str, str]] = Counter()
    styles: dict[T, Style] = {}
    for modality, variant, what in named:
        colour = colours[variant]
        hue = VANILLA_COLOUR if colour in VANILLA_COLOURS else colour
        styles[what] = _style(colour, taken[modality, hue])
        taken[modality, hue] += 1
    return styles


def vanilla_names(tipping_points: Iterable[Row]) -> set[str]:
    """Return the variants that the others were compared with; a given pair decides nothing."""
    rows = list(tipping_points)
    usual = [row for row in rows if row.get("comparison") != "pair"]
    return {str(row["vanilla"]) for row in usual or rows}


def _variant_colours(curves: Iterable[Curve], vanilla: set[str]) -> dict[str, str]:
    colours: dict[str, str] = {}
    taken: Counter[tuple[str, Sequence[str]]] = Counter()
    for curve in curves:
        name = curve.contender.variant
        if name in colours:
            continue
        choices = VANILLA_COLOURS if name in vanilla else COLOURS
        colours[name] = choices[taken[curve.modality, choices] % len(choices)]
        taken[curve.modality, choices] += 1
    return colours


def efficient_family(row: Row) -> str:
    """Return the name of the efficient side of a tipping point row, with its window."""
    return family_of(str(row["efficient"]), row.get("attention_window"), name_in(row))


def labelled(contender: Contender, modality: str) -> str:
    """Return what a legend calls a contender: its name, and how long its input may be."""
    longest = maximum_words(modality, contender.variant)
    return f"{contender.label} (at most {longest})" if longest else contender.label


def vanilla_family(row: Row) -> str:
    """Return the name of the vanilla side of a tipping point row, the same way."""
    window, weights = row.get("vanilla_attention_window"), name_in(row, "vanilla_checkpoint")
    return family_of(str(row["vanilla"]), window, weights)
