"""How far the kernels of today have moved an answer, in sentences."""

from collections.abc import Iterable, Sequence

from profiling.analysis.points.axes import unit_of
from profiling.report.answers.verdicts import (
    describe_crossing,
    describe_only_below,
    describe_shortest,
)
from profiling.report.lengths import number_text
from profiling.report.palette import efficient_family, vanilla_family
from profiling.rows.columns import Row, judged_columns

# The study of 2023 compared with eager attention alone.
RUNGS = {"eager": "eager attention, as in the study,", "sdpa": "fused attention (sdpa)"}
Ladder = Sequence[Row]
"""The rungs of one efficient variant in one metric, the plainest first."""


def ladders_of(rows: Iterable[Row]) -> list[Ladder]:
    """Return the ladders in the first metric that has any; a single rung is none.

    Args:
        rows: Those of `find_ladder` of one modality, phase and setting.
    """
    rows = list(rows)
    measured = {row["metric"] for row in rows}
    metric = next((name for name in judged_columns() if name in measured), None)
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["metric"] == metric:
            found.setdefault((efficient_family(row), vanilla_family(row)), []).append(row)
    return [rungs for rungs in found.values() if len(rungs) > 1]


def ladder_sentences(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return a sentence per efficient variant that has met several vanilla kernels."""
    return tuple(_sentence(rungs) for rungs in ladders_of(rows))


def _rung_name(row: Row) -> str:
    """Return what a rung compares with, as a sentence goes on."""
    kernel = str(row["vanilla_implementation"])
    return RUNGS.get(kernel, kernel)


def _sentence(rungs: Ladder) -> str:
    name, metric = efficient_family(rungs[0]), str(rungs[0]["metric"])
    if all(row["verdict"] == "undecided" for row in rungs):
        against = " or ".join(f"against {_rung_name(row)}" for row in rungs).removesuffix(",")
        return f"{metric.capitalize()}: whether {name} wins cannot be told {against}."
    clauses = [
        f"against {_rung_name(row)} {_clause(row, name if place == 0 else 'it')}"
        for place, row in enumerate(rungs)
    ]
    return f"{metric.capitalize()}: {'; '.join(clauses)}."


def _clause(row: Row, name: str) -> str:
    unit = unit_of(row)
    verdict = row["verdict"]
    if verdict == "undecided":
        return f"it cannot be told whether {name} wins"
    if verdict == "never_in_range":
        return f"{name} is not seen to win up to {number_text(row['longest_measured'], row)} {unit}"
    if verdict == "wins_only_below":
        return f"{name} wins {describe_only_below(row)} {unit}"
    if row.get("at_most"):
        return f"{name} wins from {number_text(row['ci_high'], row)} {unit} on at the latest"
    if verdict == "always":
        where = f"{number_text(row['tipping_point'], row)} {unit}"
        return f"{name} wins from {where} on, {describe_shortest(row)}"
    for_good = " for good" * (verdict == "several")
    return f"{name} wins{for_good} from {describe_crossing(row)} {unit} on"
