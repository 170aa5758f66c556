"""The tables of `benchmarks/kernels/modernbert.py`."""

from typing import Any

Rows = list[dict[str, Any]]
SHIPPED = ("eager", "sdpa")


def as_markdown(stored: dict[str, Any]) -> str:
    """Return the machine, what could not run, and a line for every kernel, phase and length."""
    rows: Rows = stored["rows"]
    versions = stored["versions"]
    lines = [
        f"{stored['machine']}, {stored['date']}, {versions}, {stored['threads']} threads, "
        f"allocator {stored['allocator']}; size {stored['size']}, {stored['layers']} layers.",
        "",
        *(f"- {kernel}: {reason}" for kernel, reason in stored["refused"].items()),
        f"Largest difference of outputs from those of `sdpa`: {_largest_difference(rows):.1e}.",
        "",
        "| phase | tokens | kernel | ms | times as fast as eager | as sdpa | MiB above weights |",
        "|---|---|---|---|---|---|---|",
        *(_line(row, rows) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any], rows: Rows) -> str:
    ratios = [_times_as_fast(row, kernel, rows) for kernel in SHIPPED]
    memory = "-" if row.get("peak_mib") is None else f"{row['peak_mib']:,.0f}"
    cells = [row["phase"], f"{row['tokens']:,}", row["kernel"], f"{row['ms']:,.1f}", *ratios]
    return f"| {' | '.join([*cells, memory])} |"


def _times_as_fast(row: dict[str, Any], kernel: str, rows: Rows) -> str:
    """Return the time of a kernel over that of a row, where both were measured."""
    where = (kernel, row["phase"], row["tokens"])
    found = [each["ms"] for each in rows if _place(each) == where]
    return f"{found[0] / row['ms']:.2f}" if found else "-"


def _place(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["kernel"], row["phase"], row["tokens"]


def _largest_difference(rows: Rows) -> float:
    return max(float(row["difference"]) for row in rows if "difference" in row)
