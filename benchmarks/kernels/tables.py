"""Tables and picture of the benchmark of local attention."""

import statistics
from pathlib import Path
from typing import Any

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
                _mean(theirs[place] / ours[place] for place in theirs if place[0] == phase)
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
    """Return what could not run, and why."""
    found = {(row["name"], row["phase"], row["why_not"]) for row in rows if "why_not" in row}
    return [f"- {name}, {phase}: {reason}" for name, phase, reason in sorted(found)]


def single_figures(rows: Rows) -> list[str]:
    """Return one line per row."""
    lines = [
        "| dtype | tokens | window | phase | contender | ms | times the limit | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        memory = "" if row.get("peak_mib") is None else f"{row['peak_mib']:,.0f}"
        lines.append(
            f"| {row['dtype']} | {row['tokens']:,} | {row['window']} | {row['phase']} "
            f"| {row['name']} | {row['ms']:,.2f} | {row['times_limit']:.2f} | {memory} |"
        )
    return lines


def plot(rows: Rows, path: Path) -> None:
    """Draw time over length, one panel per dtype, phase and window."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if "ms" in row]
    panels = sorted({(row["dtype"], row["window"], row["phase"]) for row in rows})
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
        panel.set_xticks([1000, 2000, 4000, 8000], ["1,000", "2,000", "4,000", "8,000"])
        panel.set_xticks([], minor=True)
        panel.set(xlabel="tokens", ylabel="ms")
        panel.grid(True, alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=80)
