"""What `profile.py lengths` prints for people."""

from collections.abc import Sequence

from datamodules.bad_samples import told_left_out
from datamodules.counted import counted
from datamodules.modality import find_modality
from profiling.distributions.cutting import MOST_CUT, Cut, name_length, usual_lengths
from profiling.distributions.estimates import Estimate
from profiling.distributions.summary import Summary

Table = list[list[str]]
NAMES = ("10 %", "50 %", "90 %", "99 %", "longest")


def describe(summary: Summary) -> str:
    """Return all that is said of one data set."""
    parts = [_head(summary), aligned(_cut_table(summary)), _recommendation(summary)]
    if summary.paddings:
        parts += [_padding_head(summary), aligned(_padding_table(summary)), _edges(summary)]
    else:
        parts.append("padding: none, since all images of a batch are resized to one side")
    return "\n\n".join(parts)


def compare(summaries: Sequence[Summary]) -> str:
    """Return data sets side by side, a column each."""
    table = [["", *(each.distribution.name for each in summaries)]]
    table.append(["samples", *(f"{each.distribution.count:,}" for each in summaries)])
    table.append(["unit", *(each.distribution.unit for each in summaries)])
    table.append(["mean", *(f"{each.mean:,.1f}" for each in summaries)])
    for place, name in enumerate(NAMES):
        table.append([name, *(f"{each.quantiles[place]:,}" for each in summaries)])
    table.append(
        ["recommended max_length", *(_length(each, each.recommended) for each in summaries)]
    )
    table.append(["max_length", *(_length(each, each.chosen) for each in summaries)])
    table.append(["  samples cut", *(_percent(each.chosen.samples) for each in summaries)])
    table.append(["  positions cut", *(_percent(each.chosen.positions) for each in summaries)])
    shares = [
        {(p.policy, p.batch_size): _percent(p.share) for p in each.paddings} for each in summaries
    ]
    for policy, size in dict.fromkeys(key for each in shares for key in each):
        name = f"padding, {policy}, batch of {size}"
        table.append([name, *(each.get((policy, size), "-") for each in shares)])
    return aligned(table)


def aligned(table: Table) -> str:
    """Return a table as lines, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _head(summary: Summary) -> str:
    distribution = summary.distribution
    samples = counted(distribution.count, "sample")
    if sampled := distribution.sampled:
        drawn = sampled.looked_at(distribution.count)
        usable = f", all that can be used of {drawn:,}" if drawn > distribution.count else ""
        samples += f"{usable} of {sampled.drawn_from:,}, drawn without replacement"
    if distribution.left_out:
        reasons = told_left_out(distribution.left_out)
        samples += f"\nof {distribution.count_found:,} found, left out: {reasons}"
    levels = ", ".join(
        f"{name} {_with_seconds(summary, length)}"
        for name, length in zip(NAMES, summary.quantiles, strict=True)
    )
    mean = f"mean {summary.mean:,.1f}"
    if summary.mean_interval is None:
        mean += " (standard error unknown)"
    elif summary.mean_error:
        low, high = summary.mean_interval
        mean += f" (standard error {summary.mean_error:,.1f}, 95 % {low:,.1f} to {high:,.1f})"
    return f"{distribution.name}: {samples}\n{distribution.unit}: {levels}; {mean}"


def _cut_table(summary: Summary) -> Table:
    verb, unit = _verb(summary), summary.distribution.unit
    table: Table = [["max_length", f"samples {verb}", f"{unit} {verb}"]]
    for cut in summary.cuts:
        length = _length(summary, cut)
        table.append([length, _percent(cut.samples), _percent(cut.positions)])
    return table


def _recommendation(summary: Summary) -> str:
    cut, distribution = summary.recommended, summary.distribution
    most = f"{MOST_CUT:.0%}".replace("%", " %")
    rule = (
        f"the smallest usual value beyond which lie at most {most} of the samples and {most} of "
        f"the {distribution.unit}"
    )
    if cut.max_length not in usual_lengths(distribution.modality):
        rule = (
            f"as long as the longest sample: beyond every usual value lie more than {most} of the "
            f"samples or of the {distribution.unit}"
        )
    doubt = ""
    if not summary.is_certain:
        doubt = "; by the intervals another value is possible: draw more samples"
    return f"recommended max_length: {_length(summary, cut)} ({rule}){doubt}"


def _padding_head(summary: Summary) -> str:
    longest = _length(summary, summary.chosen)
    return (
        f"share of padding in random order, samples cut at {longest}, to which pad_to_maximum pads:"
    )


def _padding_table(summary: Summary) -> Table:
    sizes = list(dict.fromkeys(padding.batch_size for padding in summary.paddings))
    shares = {(p.policy, p.batch_size): _percent(p.share) for p in summary.paddings}
    table: Table = [["policy", *(f"batch of {size}" for size in sizes)]]
    for policy in dict.fromkeys(padding.policy for padding in summary.paddings):
        table.append([policy, *(shares[policy, size] for size in sizes)])
    return table


def _edges(summary: Summary) -> str:
    return f"suggested bucket edges: {', '.join(f'{edge:,}' for edge in summary.edges)}"


def _verb(summary: Summary) -> str:
    return "shrunk" if summary.distribution.modality == "vision" else "cut"


def _length(summary: Summary, cut: Cut) -> str:
    return _with_seconds(summary, cut.max_length)


def _with_seconds(summary: Summary, length: int) -> str:
    modality = summary.distribution.modality
    if not find_modality(modality).is_audio:
        return f"{length:,}"
    return f"{length:,} ({name_length(modality, length)})"


def _percent(share: Estimate) -> str:
    value = f"{100 * share.value:.1f} %"
    if 0 < share.value < 0.0005:
        value = "< 0.1 %"
    if share.is_exact:
        return value
    return f"{value} [{100 * share.low:.1f} to {100 * share.high:.1f}]"
