"""One answer in a few characters."""

from collections.abc import Sequence
from dataclasses import dataclass

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.points.readings import finite
from profiling.report.lengths import number_text
from profiling.report.notes import notes_of
from profiling.report.palette import vanilla_family
from profiling.rows.columns import Row


@dataclass(frozen=True)
class Cell:
    """One verdict in words."""

    text: str
    verdict: str
    proven_from: str = ""


def describe_verdict(row: Row) -> Cell:
    """Return the verdict of one tipping point row in a few characters."""
    verdict = str(row.get("verdict"))
    words = {
        "crosses": f"at most {number_text(row.get('ci_high'), row)}"
        if row.get("at_most")
        else describe_crossing(row),
        "several": f"{describe_crossing(row)} last of several",
        "always": f"always (from {number_text(row.get('tipping_point'), row)})",
        "never_in_range": f"never up to {number_text(row.get('longest_measured'), row)}",
        "wins_only_below": describe_only_below(row),
    }
    mark = "*" if notes_of(row) else ""
    proven = row.get("proven_from")
    return Cell(
        words.get(verdict, verdict.replace("_", " ")) + mark,
        verdict,
        "" if proven is None else number_text(proven, row),
    )


def describe_comparison(row: Row) -> str:
    """Return what was compared with what: the efficient implementation comes first.

    The best ones are not named: they may differ from length to length.
    """
    kind = str(row.get("comparison"))
    ours, theirs = row.get("efficient_implementation"), row.get("vanilla_implementation")
    vanilla = vanilla_family(row)
    if kind == "pair":
        return f"{ours} vs {vanilla} {theirs}"
    # The vanilla variant stands above the table; its weights, when they are somebody's, do not.
    weights = f" of {vanilla}" if row.get("vanilla_checkpoint") else ""
    return (f"{ours} vs {theirs}" if kind == "like_for_like" else "best vs best") + weights


def describe_crossing(row: Row) -> str:
    """Return a tipping point with its interval, where that is known."""
    low, high = row.get("ci_low"), row.get("ci_high")
    value = number_text(row.get("tipping_point"), row)
    if row.get("interval_from") is None or finite(low) is None or finite(high) is None:
        return value
    return f"{value} [{number_text(low, row)}-{number_text(high, row)}]"


def describe_only_below(row: Row) -> str:
    """Return the first compared length after the last win, in words."""
    later = first_after_wins(row)
    return "only below" if later is None else f"only below {number_text(later, row)}"


def describe_shortest(row: Row) -> str:
    """Say what the length is from which an answer of `always` wins.

    It need not be the shortest one measured: one side may have been skipped there.
    """
    items = row.get("lengths") or ()
    ratios = [item["ratio"] for item in items if item["length"] == row["tipping_point"]]
    if ratios == [None]:
        return f"the shortest that was compared, where {vanilla_family(row)} runs out of memory"
    return "the shortest at which the two were compared"


def first_after_wins(row: Row) -> int | None:
    """Return the first compared length after the last win; None where there is none."""
    lengths = row.get("lengths") or ()
    wins = [item["length"] for item in lengths if item.get("outcome") == "win"]
    compared = [item["length"] for item in lengths if item.get("outcome") != MISSING]
    return min((length for length in compared if wins and length > max(wins)), default=None)


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
