"""The tables of foreseen and measured epochs, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.answers.epoch_runs.judging import (
    Result,
    beside,
    best,
    by_question,
    corrected_error,
    measured_whole,
    median_error,
    raw_error,
    regret,
)
from benchmarks.answers.epoch_runs.results import label

TARGET = 0.05


def summary_table(results: Sequence[Result]) -> list[str]:
    """Return a line for each question: what was recommended, what was best, what that costs."""
    lines = [
        "| data | phase | objective | recommended | verdict | really cheapest | regret | "
        "median error, raw | corrected |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for group in by_question(results):
        first, taken = group[0], [each for each in group if each["recommended"]]
        lines.append(
            f"| {first['data']} | {first['phase']} | {_objective(first)} | "
            f"{label(taken[0]) if taken else 'nothing that ran'} | {first['verdict']} | "
            f"{label(best(group))} | {percent(regret(group))} | "
            f"{percent(median_error(group, raw_error))} | "
            f"{percent(median_error(group, corrected_error))} |"
        )
    return lines


def detail_table(results: Sequence[Result]) -> list[str]:
    """Return a line for each contender and policy of each question, the cheapest first."""
    lines = [
        "| data | phase | objective | contender and policy | steps | foreseen | measured | "
        "error, raw | corrected | extrapolated over |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for group in by_question(results):
        lines += [
            f"| {each['data']} | {each['phase']} | {_objective(each)} | {label(each)} | "
            f"{each['steps']} of {each['steps_of_epoch']:,} | {each['predicted']:.4g} | "
            f"{each['measured']:.4g} | {percent(raw_error(each), True)} | "
            f"{percent(corrected_error(each), True)} | {' and '.join(beside(each))} |"
            for each in sorted(group, key=measured_whole)
        ]
    return lines


def verdict_lines(results: Sequence[Result]) -> list[str]:
    """Return the medians over everything, beside their targets."""
    inside = [each for each in results if not beside(each)]
    regrets = [found for group in by_question(results) if (found := regret(group)) is not None]
    within = sum(found <= TARGET for found in regrets)
    lines = []
    for words, chosen in (("all rows", results), ("rows without extrapolation", inside)):
        times = [each for each in chosen if each["objective"] != "memory"]
        memory = [each for each in chosen if each["objective"] == "memory"]
        lines += [
            f"- {words}: median error of time {percent(median_error(times, raw_error))} raw, "
            f"{percent(median_error(times, corrected_error))} corrected ({len(times)} rows); of "
            f"memory {percent(median_error(memory, raw_error))} ({len(memory)} rows)"
        ]
    largest = percent(max(regrets)) if regrets else "unknown"
    lines.append(
        f"- advice within {TARGET:.0%} of the best really measured: {within} of {len(regrets)} "
        f"questions; largest regret {largest}"
    )
    return lines


def anchor_lines(run: Mapping[str, Any]) -> list[str]:
    """Return what the machine made of the points that sweep and epochs both measured."""
    lines = [f"- other processes took at most {percent(run['others_cpu_share'])} of the CPU"]
    for what, ratios in run["anchors"].items():
        if ratios:
            told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
            lines.append(f"- {what}: {told}")
    return lines


def as_markdown(run: Mapping[str, Any]) -> str:
    """Return all tables of one run."""
    left_out = [f"- {each}" for each in run["left_out"]]
    parts = [
        [f"{run['date']}, {run['machine']}; size {run['size']}; {run['amount']}."],
        verdict_lines(run["results"]),
        summary_table(run["results"]),
        ["Steps of the sweep now, over what they took in it:", "", *anchor_lines(run)],
        ["A sample, foreseen and measured, ms (memory: the largest step, MiB):"],
        detail_table(run["results"]),
        ["Not run:", "", *left_out] if left_out else [],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def percent(share: float | None, signed: bool = False) -> str:
    """Return a share as per cent."""
    if share is None:
        return ""
    return f"{100 * share:+.1f} %" if signed else f"{100 * share:.1f} %"


def _objective(result: Result) -> str:
    several = f", batch {result['batch_size']}" if result["batch_size"] > 1 else ""
    return f"{result['objective']}{several}"
