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
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Row, judged_columns

# The study of 2023 compared with eager attention alone.
RUNGS = {"eager": "eager attention, as in the study,", "sdpa": "fused attention (sdpa)"}
Ladder = Sequence[Row]
"""The rungs of one efficient variant in one metric, the plainest first."""


def ladders_of(rows: Iterable[Row]) -> list[Ladder]:
    """Return the ladders, those of the first metric first; a single rung is none.

    Args:
        rows: Those of `find_ladder` of one modality, phase and setting.
    """
    metrics = [*judged_columns()]
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: metrics.index(str(row["metric"]))):
        name = str(row["metric"]), efficient_family(row), vanilla_family(row)
        found.setdefault(name, []).append(row)
    return [rungs for rungs in found.values() if len(rungs) > 1]


def ladder_sentences(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return a sentence per efficient variant that has met several vanilla kernels, and metric.

    The first metric that has any always has its sentences, others where the answer is another one
    from rung to rung.
    """
    ladders = ladders_of(rows)
    first = ladders[0][0]["metric"] if ladders else None
    told = [rungs for rungs in ladders if rungs[0]["metric"] == first or _differ(rungs)]
    return tuple(map(_sentence, told))


def _differ(rungs: Ladder) -> bool:
    """Tell whether two rungs have different verdicts, or crossings that are surely apart."""
    ends = [(row["ci_low"], row["ci_high"]) for row in rungs if row.get("ci_low") is not None]
    are_apart = any(low > high for low, _ in ends for _, high in ends)
    return are_apart or len({row["verdict"] for row in rungs}) > 1


def _rung_name(row: Row) -> str:
    """Return what a rung compares with, as a sentence goes on."""
    kernel = str(row["vanilla_implementation"])
    return RUNGS.get(kernel, kernel)


def _sentence(rungs: Ladder) -> str:
    name, metric = efficient_family(rungs[0]), str(rungs[0]["metric"])
    about = f"{metric.capitalize()}{vanilla_told(rungs[0], ', with the kernels of ')}"
    if all(row["verdict"] == "undecided" for row in rungs):
        against = " or ".join(f"against {_rung_name(row)}" for row in rungs).removesuffix(",")
        return f"{about}: whether {name} wins cannot be told {against}."
    clauses = [
        f"against {_rung_name(row)} {_clause(row, name if place == 0 else 'it')}"
        for place, row in enumerate(rungs)
    ]
    return f"{about}: {'; '.join(clauses)}."


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
