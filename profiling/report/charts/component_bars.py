"""What the bars of a chart of components are made of, and its numbers as a table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from profiling.analysis.points.components import ComponentCurve, Parts
from profiling.report.charts.component_looks import OPTIMISER, in_order
from profiling.report.charts.look import table_of

MEASURES = {"share": "share of the step", "ms": "milliseconds"}


@dataclass(frozen=True)
class Piece:
    """One component in one bar."""

    component: str
    length: int
    slot: str
    ms: float
    share: float


def pieces_of(curve: ComponentCurve) -> list[Piece]:
    """Return the pieces of all bars, each bar from the bottom up.

    The share of a component is divided like its milliseconds. The optimiser has a bar of its own:
    it belongs to neither pass.
    """
    return [
        piece
        for length, parts in curve.points.items()
        for component in in_order(parts)
        for piece in _pieces(component, length, parts[component])
    ]


def _pieces(component: str, length: int, numbers: Mapping[str, float]) -> Iterator[Piece]:
    passes = {name: numbers.get(f"{name}_ms", 0.0) for name in ("forward", "backward")}
    whole, share = sum(passes.values()), numbers.get("share", 0.0)
    if component == OPTIMISER:
        passes = {OPTIMISER: whole}
    for slot, ms in passes.items():
        if ms > 0:
            yield Piece(component, length, slot, ms, share * ms / whole)


def highest_bars(curves: Iterable[ComponentCurve]) -> dict[str, float]:
    """Return by measure the highest bar, so that charts beside each other have one scale."""
    highest = dict.fromkeys(MEASURES, 0.0)
    for curve in curves:
        bars: dict[tuple[int, str], list[Piece]] = {}
        for piece in pieces_of(curve):
            bars.setdefault((piece.length, piece.slot), []).append(piece)
        for bar in bars.values():
            for measure in MEASURES:
                total = sum(getattr(piece, measure) for piece in bar)
                highest[measure] = max(highest[measure], total)
    return {measure: value or 1.0 for measure, value in highest.items()}


def component_numbers(curve: ComponentCurve) -> dict[str, Any]:
    """Return all that is known of each component, and why some are not shown."""
    fields = dict.fromkeys(name for parts in curve.points.values() for name in _fields(parts))
    label = curve.contender.label
    rows: list[list[Any]] = [
        [label, length, component, *(parts[component].get(name) for name in fields), None]
        for length, parts in curve.points.items()
        for component in in_order(parts)
    ]
    nothing = [None] * len(fields)
    rows += [[label, length, None, *nothing, why] for length, why in curve.refused.items()]
    return table_of(("variant", "length", "component", *fields, "not shown because"), rows)


def _fields(parts: Parts) -> Iterator[str]:
    for numbers in parts.values():
        yield from numbers
