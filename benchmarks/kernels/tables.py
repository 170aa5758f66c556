"""Tables and picture of the benchmark of local attention."""

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from profiling.checking.on_device.timing import LAUNCHES

Rows = list[dict[str, Any]]
PHASES = ("forward", "forward+backward")
RIVALS = ("longformer", "local-attention", "dense sdpa")


def as_markdown(stored: dict[str, Any]) -> str:
    """Return the machine, geometric means, what could not run, and every single figure."""
    rows = [row for row in stored["rows"] if "ms" in row]
    parts = [str(stored[name]) for name in ("machine", "date", "versions")]
    allocator = stored.get("allocator", "system")
    lines = [f"{', '.join(parts)}, {stored['threads']} threads, allocator {allocator}."]
    lines += ["", *means(rows), "", *refusals(stored["rows"])]
    lines += ["", *single_figures(rows)]
    return "\n".join(lines) + "\n"


def means(rows: Rows) -> list[str]:
    """Return geometric means over lengths and windows: `local_blocked` against rivals and limit."""
    lines = ["| local_blocked, geometric mean | forward | forward+backward |", "|---|---|---|"]
    for dtype in dict.fromkeys(row["dtype"] for row in rows):
        ours = _milliseconds(rows, "local_blocked", dtype)
        for rival in RIVALS:
            theirs = _milliseconds(rows, rival, dtype)
            cells = [
                _mean(
                    theirs[place] / ours[place]
                    for place in theirs.keys() & ours.keys()
                    if place[0] == phase
                )
                for phase in PHASES
            ]
            lines.append(f"| {dtype}: times as fast as {rival} | {cells[0]} | {cells[1]} |")
        cells = [
            _mean(
                row["times_limit"]
                for row in rows
                if (row["name"], row["dtype"], row["phase"]) == ("local_blocked", dtype, phase)
            )
            for phase in PHASES
        ]
        lines.append(f"| {dtype}: times the limit | {cells[0]} | {cells[1]} |")
    return lines


def _milliseconds(rows: Rows, name: str, dtype: str) -> dict[tuple[str, int, int], float]:
    return {
        (row["phase"], row["tokens"], row["window"]): row["ms"]
        for row in rows
        if (row["name"], row["dtype"]) == (name, dtype)
    }


def _mean(values: Any) -> str:
    listed = list(values)
    return f"{statistics.geometric_mean(listed):.2f}" if listed else "-"


def refusals(rows: Rows) -> list[str]:
    """Return what could not run, why, and at which lengths where it ran at others."""
    found: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for row in rows:
        if "why_not" in row:
            found[row["name"], row["phase"], row["why_not"]].add(row["tokens"])
    ran = {(row["name"], row["phase"]) for row in rows if "ms" in row}
    lines = []
    for (name, phase, reason), lengths in sorted(found.items()):
        told = ", ".join(f"{length:,}" for length in sorted(lengths))
        where = f" at {told} tokens" if (name, phase) in ran else ""
        lines.append(f"- {name}, {phase}{where}: {reason}")
    return lines


def single_figures(rows: Rows) -> list[str]:
    """Return one line per row."""
    lines = [
        "| dtype | tokens | window | phase | contender | ms | times the limit | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        memory = "" if row.get("peak_mib") is None else f"{row['peak_mib']:,.0f}"
        host = ", with its host" if row.get("timed_in") == LAUNCHES else ""
        lines.append(
            f"| {row['dtype']} | {row['tokens']:,} | {row['window']} | {row['phase']} "
            f"| {row['name']}{host} | {row['ms']:,.2f} | {row['times_limit']:.2f} | {memory} |"
        )
    return lines


def plot(rows: Rows, path: Path) -> None:
    """Draw time over length, one panel per dtype, phase and window."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if "ms" in row]
    panels = sorted({(row["dtype"], row["window"], row["phase"]) for row in rows})
    lengths = sorted({row["tokens"] for row in rows})
    figure = Figure(figsize=(16, 8), layout="constrained")
    axes = figure.subplots(2, -(-len(panels) // 2), squeeze=False, sharey="row").flatten()
    colours = {name: f"C{i}" for i, name in enumerate(dict.fromkeys(r["name"] for r in rows))}
    for (dtype, window, phase), panel in zip(panels, axes, strict=False):
        for name, colour in colours.items():
            points = [
                (row["tokens"], row["ms"])
                for row in rows
                if (row["dtype"], row["window"], row["phase"]) == (dtype, window, phase)
                and row["name"] == name
            ]
            if points:
                x, y = zip(*points, strict=True)
                panel.plot(x, y, "o-", color=colour, markersize=3, label=name)
        panel.set(xscale="log", yscale="log", title=f"{dtype}, {phase}, window {window}")
        panel.set_xticks(lengths, [f"{length:,}" for length in lengths])
        panel.set_xticks([], minor=True)
        panel.set(xlabel="tokens", ylabel="ms")
        panel.grid(True, alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=80)
