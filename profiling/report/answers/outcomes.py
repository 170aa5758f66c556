"""What is known of an answer length by length, as far as it may be said."""

from collections.abc import Sequence

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import verdict_of
from profiling.rows.columns import Row


def outcomes_of(row: Row) -> list[tuple[int, str]]:
    """Return every length that a side was tried at, with the outcome, `missing` among them.

    Where the answer is undecided although its outcomes decide, as with `--strict true`, nobody may
    say that one side wins or loses: each outcome is then a tie.
    """
    items = row.get("lengths") or ()
    tried = [(int(item["length"]), str(item.get("outcome"))) for item in items]
    compared = [outcome for _, outcome in tried if outcome != MISSING]
    if row["verdict"] != "undecided" or not compared or verdict_of(compared) == "undecided":
        return tried
    return [(length, outcome if outcome == MISSING else "tie") for length, outcome in tried]


def all_lose(outcomes: Sequence[str]) -> bool:
    """Tell whether there are outcomes, and each is a loss."""
    return bool(outcomes) and set(outcomes) == {"lose"}
