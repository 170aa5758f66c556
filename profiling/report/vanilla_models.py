"""Which model of a vanilla variant an answer is about, told only where there are several of it."""

from collections.abc import Iterable

from profiling.report.palette import vanilla_family
from profiling.rows.columns import Row

MARK = "vanilla_is_one_of_several"


def with_vanilla_marked(rows: Iterable[Row]) -> list[Row]:
    """Return answers; those are marked whose vanilla variant has other models in other answers.

    Args:
        rows: All answers that are shown together, with the names of their checkpoints.
    """
    answers = list(rows)
    models: dict[tuple[str, str], set[str]] = {}
    for row in answers:
        models.setdefault(_variant(row), set()).add(vanilla_family(row))
    return [{**row, MARK: True} if len(models[_variant(row)]) > 1 else row for row in answers]


def vanilla_told(row: Row, before: str) -> str:
    """Return the vanilla model of a marked answer, behind some words; empty for other answers."""
    return f"{before}{vanilla_family(row)}" if row.get(MARK) else ""


def _variant(row: Row) -> tuple[str, str]:
    return str(row["modality"]), str(row["vanilla"])
