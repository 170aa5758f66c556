"""What a table of answers cannot say in a cell: why something was not decided or not compared."""

from collections.abc import Iterable

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import NOISE
from profiling.analysis.points.axes import unit_of
from profiling.analysis.points.maximum import maximum_on_axis
from profiling.report.lengths import number_text
from profiling.report.palette import efficient_family
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Row

BOTH_OUT = "both run out of memory"


def notes_of(row: Row) -> list[str]:
    """Return what is to be said of one tipping point row, in sentences without a full stop."""
    notes = [
        f"at {number_text(length, row)} {unit_of(row)} {why}"
        for length, why in _beyond(row).items()
    ]
    reason = row.get("reason")
    if row.get("verdict") == "undecided" and reason not in (None, NOISE):
        notes.insert(0, str(reason))
    return notes


def gather_notes(rows: Iterable[Row]) -> list[str]:
    """Return the notes of all rows, each once with what it is about."""
    about: dict[str, dict[str, None]] = {}
    for row in rows:
        for note in notes_of(row):
            compared = f"{efficient_family(row)}{vanilla_told(row, ' over ')}"
            about.setdefault(note, {})[f"{row['modality']} {row['phase']} {compared}"] = None
    return [f"{', '.join(where)}: {note}" for note, where in about.items()]


def _beyond(row: Row) -> dict[int, str]:
    """Return the lengths beyond the last one compared where one of the two gave no number.

    Beyond the longest input that a variant takes nothing is missing.
    """
    longest = row.get("longest_measured") or 0
    end = maximum_on_axis(row)
    return {
        int(item["length"]): f"not compared ({item.get('reason')})"
        for item in row.get("lengths") or ()
        if item.get("outcome") == MISSING
        and item["length"] > longest
        and (end is None or item["length"] <= end)
        and item.get("reason") not in (BOTH_OUT, row.get("reason"))
    }
