"""From measurement rows to tipping points: verdict, crossing, interval."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from profiling.analysis.comparisons import (
    Comparison,
    Opponents,
    find_comparisons,
    registered_opponents,
)
from profiling.analysis.duels import Duel, Judged, find_duels, judge
from profiling.analysis.groups import axis_of
from profiling.analysis.intervals import TAIL, Array, quantiles
from profiling.analysis.sides import Side
from profiling.rows.columns import Row, judged_columns, shared_conditions
from profiling.rows.files import write_atomically

# What a tipping point row says beside the conditions that its measurements share.
ANSWERS = (
    *("metric", "comparison"),
    *("vanilla", "vanilla_implementation", "vanilla_attention_window", "vanilla_checkpoint"),
    *("efficient", "efficient_implementation", "attention_window", "checkpoint"),
    *("verdict", "tipping_point", "ci_low", "ci_high", "length_before", "longest_measured"),
    *("interval_from", "vanilla_at_longest", "efficient_at_longest", "saving_at_longest"),
    "lengths",
)


def table_columns() -> list[str]:
    """Return the names of a tipping point row, in their order."""
    return ["modality", "axis", *(column.name for column in shared_conditions()), *ANSWERS]


def find_tipping_points(
    rows: Iterable[Row],
    pairs: Iterable[str] = (),
    opponents: Callable[[str], Opponents] = registered_opponents,
) -> list[dict[str, Any]]:
    """Return one row of `tipping_points.json` per comparison and metric with a common length.

    `ratio` and its ends in `lengths` are the efficient one's cost over the vanilla one's (time,
    memory, or time per sample for the throughput), so below 1 is better in every metric, and
    `saving_at_longest` is 1 minus it.

    Args:
        rows: Measurement rows, oldest first: of several efforts the newest counts under which both
            sides have the metric.
        pairs: Further comparisons, each as "bert:sdpa,longformer:mask_fixed", vanilla first.
        opponents: What each efficient variant of a modality is compared with.

    Raises:
        SettingsError: A pair has another form.
    """
    comparisons = find_comparisons(rows, pairs, opponents)
    found = (
        _tipping_point(comparison, metric)
        for comparison in comparisons
        for metric in judged_columns()
    )
    return [row for row in found if row is not None]


def save_tipping_points(rows: Sequence[Row], directory: Path) -> None:
    """Write `tipping_points.json` and, without the nested `lengths`, `tipping_points.csv`."""
    text = json.dumps(list(rows), indent=2, allow_nan=False) + "\n"
    write_atomically(directory / "tipping_points.json", text)
    table = io.StringIO()
    columns = [name for name in table_columns() if name != "lengths"]
    writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(directory / "tipping_points.csv", table.getvalue())


def verdict_of(outcomes: Sequence[str]) -> str:
    """Return the verdict on outcomes (win, tie, lose) in order of length."""
    if outcomes[-1] == "tie":
        return "undecided"
    if outcomes[-1] == "lose":
        return "wins_only_below" if "win" in outcomes else "never_in_range"
    start = _start_of_final_wins(outcomes)
    if start == 0:
        return "always"
    return "several" if "win" in outcomes[:start] else "crosses"


def last_crossing(lengths: Array, log_ratios: Array) -> Array:
    """Return from where on log ratios stay below zero, within the measured lengths.

    Args:
        lengths: (lengths,), ascending.
        log_ratios: (curves, lengths), infinite where one side is infeasible.

    Returns:
        (curves,), interpolated in log length; the next length where one neighbour is infinite.
    """
    lost = log_ratios >= 0
    last = len(lengths) - 1
    before = np.where(lost.any(axis=1), last - np.argmax(lost[:, ::-1], axis=1), -1)
    left, right = np.clip(before, 0, last), np.clip(before + 1, 0, last)
    curves = np.arange(len(log_ratios))
    with np.errstate(invalid="ignore", divide="ignore"):
        at_left, at_right = log_ratios[curves, left], log_ratios[curves, right]
        fraction = at_left / (at_left - at_right)
    finite = np.isfinite(at_left) & np.isfinite(at_right) & (left < right)
    logs = np.log(lengths)
    between = np.exp(logs[left] + np.where(finite, fraction, 0.0) * (logs[right] - logs[left]))
    return np.asarray(np.where(finite & (before >= 0), between, lengths[right]))


def _tipping_point(comparison: Comparison, metric: str) -> dict[str, Any] | None:
    duels = find_duels(comparison, metric)
    if not duels:
        return None
    judged = judge(comparison, duels, metric)
    row = {
        **comparison.conditions,
        "axis": axis_of(comparison.conditions["modality"]),
        "attention_window": comparison.efficient.attention_window,
        "vanilla_attention_window": comparison.vanilla.attention_window,
        "checkpoint": comparison.efficient.checkpoint,
        "vanilla_checkpoint": comparison.vanilla.checkpoint,
        "metric": metric,
        "vanilla": comparison.vanilla.variant,
        "vanilla_implementation": _names(duel.vanilla for duel in duels),
        "efficient": comparison.efficient.variant,
        "efficient_implementation": _names(duel.efficient for duel in duels),
        "comparison": comparison.kind,
        "longest_measured": duels[-1].length,
        "interval_from": judged.interval_from,
        "lengths": judged.outcomes,
        **_answer(judged),
        **_at_longest(duels[-1], metric),
    }
    return {name: row[name] for name in table_columns()}


def _names(sides: Iterable[Side]) -> str:
    return "/".join(dict.fromkeys(side.implementation for side in sides))


def _start_of_final_wins(outcomes: Sequence[str]) -> int:
    return max((index + 1 for index, name in enumerate(outcomes) if name != "win"), default=0)


def _answer(judged: Judged) -> dict[str, Any]:
    outcomes = [item["outcome"] for item in judged.outcomes]
    verdict = verdict_of(outcomes)
    answer: dict[str, Any] = {"verdict": verdict}
    answer |= dict.fromkeys(("tipping_point", "ci_low", "ci_high", "length_before"))
    if verdict not in ("always", "crosses", "several"):
        return answer
    start = _start_of_final_wins(outcomes)
    value, lowest = _crossing(judged, start)
    drawn = last_crossing(judged.lengths, judged.log_ratios + judged.deviations)
    low, high = (float(end) for end in quantiles(drawn, (1 - TAIL, TAIL)))
    answer |= {"tipping_point": value, "ci_low": min(low, lowest), "ci_high": max(high, value)}
    if start:
        answer["length_before"] = judged.outcomes[start - 1]["length"]
    return answer


def _crossing(judged: Judged, start: int) -> tuple[float, float]:
    """Return the tipping point and what its interval must reach down to."""
    lengths = judged.lengths
    if start == 0:
        both_ran = lengths[np.isfinite(judged.log_ratios)]
        value = float(both_ran[0] if len(both_ran) else lengths[0])
        return value, value
    between = slice(start - 1, start + 1)
    log_ratios = judged.log_ratios[between]
    if not np.isfinite(log_ratios).all():
        return float(lengths[start]), float(lengths[start - 1])
    if log_ratios[0] < 0:  # a tie that leans to a win: every length beyond it is one
        return float(lengths[start - 1]), float(lengths[start - 1])
    value = float(last_crossing(lengths[between], log_ratios[None])[0])
    return value, value


def _at_longest(duel: Duel, metric: str) -> dict[str, float | None]:
    return {
        "vanilla_at_longest": _value(duel.vanilla, metric),
        "efficient_at_longest": _value(duel.efficient, metric),
        "saving_at_longest": float(-np.expm1(duel.log_ratio))
        if np.isfinite(duel.log_ratio)
        else None,
    }


def _value(side: Side, metric: str) -> float | None:
    if side.status != "ok":
        return None
    sign = -1 if judged_columns()[metric].higher_is_better else 1
    return float(np.exp(sign * side.mean_log_cost))
