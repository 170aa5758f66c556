"""What is known of an answer length by length."""

from collections.abc import Sequence

from profiling.rows.columns import Row


def outcomes_of(row: Row) -> list[tuple[int, str]]:
    """Return every length that a side was tried at, with the outcome, `missing` among them."""
    items = row.get("lengths") or ()
    return [(int(item["length"]), str(item.get("outcome"))) for item in items]


def all_lose(outcomes: Sequence[str]) -> bool:
    """Tell whether there are outcomes, and each is a loss."""
    return bool(outcomes) and set(outcomes) == {"lose"}
