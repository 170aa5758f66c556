"""How attention grows with the length: `python benchmarks/measuring/components.py RUN_DIR`.

Reads a sweep with `breakdown: true`, such as that of configs/profile/components.yaml, and prints

- the closure of every variant and phase: the sum of the components over a step left alone;
- the exponent of the length with which the time of each attention core grows: 2 is expected of
  full attention and 1 of a window that is shorter than the input, within 0.1;
- what Longformer as shipped takes more than with its mask repaired: 4 bytes per n^2 are expected.
"""

import argparse
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from benchmarks.mistakes import in_one_sentence
from profiling.analysis.points.axes import row_length
from profiling.analysis.points.components import ComponentCurve, component_curves
from profiling.errors import SettingsError
from profiling.rows.reading import read_rows

PASSES = ("forward", "backward")


def read(directory: Path) -> list[dict[str, Any]]:
    """Return the newest rows of a run directory that were measured at a length.

    Raises:
        SettingsError: There are none.
    """
    rows = [dict(row) for row in read_rows(directory) if row_length(row) is not None]
    if not rows:
        raise SettingsError(f"`{directory}` must have measured something, but no row has a length")
    return rows


def closures(rows: list[dict[str, Any]]) -> list[str]:
    """Return a table of the closures: the median over the lengths, and the ends."""
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    refused: dict[tuple[str, ...], int] = defaultdict(int)
    key: tuple[str, ...]
    for row in rows:
        if row.get("components_closure") is not None:
            key = (row["modality"], row["variant"], row["implementation"], row["phase"])
            found[key].append(row["components_closure"])
            refused[key] += row["components"] is None
    lines = ["| variant | implementation | phase | closure | lowest | highest | not shown |"]
    lines.append("| - | - | - | - | - | - | - |")
    for key, values in found.items():
        ends = f"{median(values):.3f} | {min(values):.3f} | {max(values):.3f}"
        lines.append(f"| {' | '.join(key[1:])} | {ends} | {refused[key]} of {len(values)} |")
    return lines


def exponents(curves: list[ComponentCurve]) -> list[str]:
    """Return a table of the exponents of the attention core over the length."""
    lines = ["| variant | phase | pass | ms at each length | exponent | of its FLOPs |"]
    lines.append("| - | - | - | - | - | - |")
    for curve in curves:
        for name in PASSES:
            core = {
                length: parts["attention_core"]
                for length, parts in curve.points.items()
                if parts.get("attention_core", {}).get(f"{name}_ms")
            }
            if len(core) < 2:
                continue
            times = {length: part[f"{name}_ms"] for length, part in core.items()}
            told = ", ".join(f"{length:,}: {ms:.1f}" for length, ms in times.items())
            flops = {length: part.get(f"{name}_flops", 0.0) for length, part in core.items()}
            counted = f"{_slope(flops):.2f}" if all(flops.values()) else ""
            lines.append(
                f"| {curve.contender.label} | {curve.group.phase} | {name} | {told} | "
                f"{_slope(times):.2f} | {counted} |"
            )
    return lines


def mask_bytes(rows: list[dict[str, Any]]) -> list[str]:
    """Return what Longformer's mask takes, over the square of the tokens computed on."""
    peaks: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row["variant"] == "longformer" and row.get("peak_memory_mib"):
            place = row["phase"], row["effective_sequence_length"]
            peaks[place][row["implementation"]] = row["peak_memory_mib"]
    lines = ["| phase | tokens | library less mask_fixed, bytes per n^2 |", "| - | - | - |"]
    for (phase, tokens), found in sorted(peaks.items()):
        if {"library", "mask_fixed"} <= found.keys():
            more = (found["library"] - found["mask_fixed"]) * 2**20
            lines.append(f"| {phase} | {tokens:,} | {more / tokens**2:.2f} |")
    return lines


def _slope(values: dict[int, float]) -> float:
    slope: float = np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0]
    return slope


@in_one_sentence
def main(arguments: list[str] | None = None) -> None:
    """Print the tables of a run directory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run directory of a sweep with `breakdown: true`")
    rows = read(parser.parse_args(arguments).run)
    first = rows[0]
    print("# Components\n")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {first['device_name']}, {first['threads']} threads, "
          f"size {first['size']}, {first['versions']}\n")  # fmt: skip
    for title, lines in (
        ("Closure", closures(rows)),
        ("Growth of the attention core", exponents(component_curves(rows))),
        ("Longformer's mask", mask_bytes(rows)),
    ):
        print(f"## {title}\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
