"""From measurement rows to tipping points: verdict, crossing, interval."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.files.writing import write_text
from profiling.analysis.answers.ceilings import UNKNOWN, ceilings_of
from profiling.analysis.answers.comparisons import OTHER_EFFORTS, Comparison
from profiling.analysis.answers.duels import Duel, find_duels, find_missing
from profiling.analysis.answers.finding_comparisons import (
    Opponents,
    find_comparisons,
    registered_opponents,
)
from profiling.analysis.answers.ladder import find_rungs
from profiling.analysis.answers.verdicts import Answer, as_fields, decide
from profiling.analysis.points.axes import axis_of, on_own_axis
from profiling.analysis.points.sides import Side
from profiling.analysis.statistics.intervals import bounded
from profiling.analysis.statistics.many import BY_CHANCE, beyond_chance
from profiling.rows.columns import Row, judged_columns, shared_conditions
from profiling.rows.files import writing

MISSING = "missing"
DECIDED = ("win", "lose")
# What a tipping point row says beside the conditions that its measurements share.
ANSWERS = (
    *("metric", "comparison"),
    *("vanilla", "vanilla_implementation", "vanilla_attention_window", "vanilla_checkpoint"),
    *("efficient", "efficient_implementation", "attention_window", "checkpoint"),
    *("verdict", "tipping_point", "ci_low", "ci_high", "length_before", "longest_measured"),
    *("proven_from", "at_most", "reason"),
    *("interval_from", "vanilla_at_longest", "efficient_at_longest", "saving_at_longest"),
    *("ceiling_at_longest", "ceiling_at_longest_ci_low", "ceiling_at_longest_ci_high"),
    "lengths",
)


def table_columns() -> list[str]:
    """Return the names of a tipping point row, in their order."""
    return ["modality", "axis", *(column.name for column in shared_conditions()), *ANSWERS]


def find_tipping_points(
    rows: Iterable[Row],
    pairs: Iterable[str] = (),
    opponents: Callable[[str], Opponents] = registered_opponents,
    strict: bool = False,
) -> list[dict[str, Any]]:
    """Return one row of `tipping_points.json` per comparison and metric with a common length.

    `ratio` and its ends in `lengths` are the efficient one's cost over the vanilla one's (time,
    memory, or time per sample for the throughput), so below 1 is better in every metric, and
    `saving_at_longest` is 1 minus it. `ceiling` is the most that any attention could save.

    Args:
        rows: Measurement rows, oldest first: of several efforts the newest counts under which both
            sides have the metric.
        pairs: Further comparisons, each as "bert:sdpa,longformer:mask_fixed", vanilla first.
        opponents: What each efficient variant of a modality is compared with.
        strict: Whether what chance alone may have decided, among so many, becomes `undecided`.

    Raises:
        SettingsError: A pair has another form.
    """
    return _table(find_comparisons(rows, pairs, opponents), strict)


def find_ladder(
    rows: Iterable[Row],
    opponents: Callable[[str], Opponents] = registered_opponents,
    strict: bool = False,
) -> list[dict[str, Any]]:
    """Return the tipping points against each vanilla kernel, the plainest first, as such rows.

    They stand apart, since they say once more what other comparisons say: who counts answers
    counts those of `find_tipping_points` alone, and with `strict` each of the two is judged by
    what chance would decide among its own.

    Args:
        rows: Measurement rows, oldest first.
        opponents: What each efficient variant of a modality is compared with.
        strict: Whether what chance alone may have decided becomes `undecided`.
    """
    return _table(find_rungs(find_comparisons(rows, (), opponents)), strict)


def _table(comparisons: Iterable[Comparison], strict: bool) -> list[dict[str, Any]]:
    found = (
        _tipping_point(comparison, metric)
        for comparison in comparisons
        for metric in judged_columns()
    )
    rows_and_chances = [pair for pair in found if pair is not None]
    table = [row for row, _ in rows_and_chances]
    if not strict:
        return table
    kept = beyond_chance([chance for _, chance in rows_and_chances])
    return [row if keep else doubted(row) for row, keep in zip(table, kept, strict=True)]


def doubted(row: dict[str, Any]) -> dict[str, Any]:
    """Return a tipping point row that chance may have decided: undecided, without win or loss."""
    if row["verdict"] == "undecided":
        return row
    items = [
        item | {"outcome": "tie", "reason": BY_CHANCE} if item["outcome"] in DECIDED else item
        for item in row["lengths"]
    ]
    return row | as_fields(Answer("undecided", reason=BY_CHANCE)) | {"lengths": items}


def save_tipping_points(rows: Sequence[Row], directory: Path) -> None:
    """Write `tipping_points.json` and, without the nested `lengths`, `tipping_points.csv`.

    Raises:
        SettingsError: The directory cannot be written.
    """
    text = json.dumps(list(rows), indent=2, allow_nan=False) + "\n"
    table = io.StringIO()
    columns = [name for name in table_columns() if name != "lengths"]
    writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with writing(directory):
        write_text(directory / "tipping_points.json", text)
        write_text(directory / "tipping_points.csv", table.getvalue())


def _tipping_point(comparison: Comparison, metric: str) -> tuple[dict[str, Any], float] | None:
    """Return a row and how often chance alone would decide as it does; None without a length."""
    met = comparison.sides(metric)
    duels, missing = find_duels(met), find_missing(comparison, met, metric)
    if duels:
        judged, answered = decide(comparison, duels, metric)
        outcomes, chance = judged.outcomes, judged.chance
    elif OTHER_EFFORTS in missing.values():
        judged = None
        answered, outcomes, chance = Answer("undecided", reason=OTHER_EFFORTS), [], 1.0
    else:
        return None
    ceilings = ceilings_of(comparison, duels, metric)
    models = comparison.vanilla.variant, comparison.efficient.variant
    row = {
        **comparison.conditions,
        "axis": axis_of(comparison.conditions["modality"], *models),
        "attention_window": comparison.efficient.attention_window,
        "vanilla_attention_window": comparison.vanilla.attention_window,
        "checkpoint": comparison.efficient.checkpoint,
        "vanilla_checkpoint": comparison.vanilla.checkpoint,
        "metric": metric,
        "vanilla": comparison.vanilla.variant,
        "vanilla_implementation": _names(comparison.vanilla_points, (d.vanilla for d in duels)),
        "efficient": comparison.efficient.variant,
        "efficient_implementation": _names(
            comparison.efficient_points, (d.efficient for d in duels)
        ),
        "comparison": comparison.kind,
        "longest_measured": duels[-1].length if duels else None,
        "interval_from": judged.interval_from if judged else None,
        **(ceilings[duels[-1].length] if duels else UNKNOWN).fields("_at_longest"),
        "lengths": _with_missing(
            [item | ceilings[item["length"]].fields() for item in outcomes], missing
        ),
        **as_fields(answered),
        **_at_longest(duels, metric),
    }
    return on_own_axis({name: row[name] for name in table_columns()}), chance


def _with_missing(
    outcomes: list[dict[str, Any]], missing: Mapping[int, str]
) -> list[dict[str, Any]]:
    unknown = dict.fromkeys(("ratio", "ci_low", "ci_high")) | UNKNOWN.fields()
    items = [
        {"length": length, "outcome": MISSING, **unknown, "reason": reason}
        for length, reason in missing.items()
    ]
    return sorted(outcomes + items, key=lambda item: item["length"])


def _names(kernels: Iterable[str], sides: Iterable[Side]) -> str:
    """Return the kernels that were the best at some length; where none ran, all that there are."""
    best = (side.implementation for side in sides if side.status == "ok")
    return "/".join(dict.fromkeys(best) or kernels)


def _at_longest(duels: Sequence[Duel], metric: str) -> dict[str, float | None]:
    if not duels:
        return dict.fromkeys(("vanilla_at_longest", "efficient_at_longest", "saving_at_longest"))
    duel = duels[-1]
    saving = float(-np.expm1(bounded(duel.log_ratio))) if np.isfinite(duel.log_ratio) else None
    return {
        "vanilla_at_longest": _value(duel.vanilla, metric),
        "efficient_at_longest": _value(duel.efficient, metric),
        "saving_at_longest": saving,
    }


def _value(side: Side, metric: str) -> float | None:
    if side.status != "ok":
        return None
    sign = -1 if judged_columns()[metric].higher_is_better else 1
    return float(np.exp(sign * side.mean_log_cost))
