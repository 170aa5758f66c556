"""The figures of `benchmarks/answers/coverage.py` as tables."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Cells = Sequence[dict[str, Any]]
HEAD = """# Coverage of intervals, against known truths

`python benchmarks/answers/coverage.py`, {about}. {draws} simulated sweeps per cell: a coverage of
0.95 has a standard error of {error:.3f}. Crossings lie anywhere from 500 to 9,000, grids run from
256 to 16,384.
"""
TARGET = 0.93


def as_markdown(results: dict[str, Any]) -> str:
    """Return the whole file."""
    draws = results["draws"]
    head = HEAD.format(about=results["about"], draws=draws, error=(0.95 * 0.05 / draws) ** 0.5)
    cells = results["crossings"]
    parts = [head, _averages(cells, draws)]
    for truth in dict.fromkeys(cell["truth"] for cell in cells):
        parts.append(_truth(truth, [cell for cell in cells if cell["truth"] == truth]))
    parts += [_verdicts(cells), _equal(results["equal"]), _choosing(results["choosing"])]
    return "\n".join([*parts, _faster(results["faster"])])


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    head = list(head)
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _names(cells: Cells, key: str) -> list[Any]:
    return list(dict.fromkeys(cell[key] for cell in cells))


def _mean(cells: Cells, key: str) -> float:
    return float(np.mean([cell[key] for cell in cells]))


def _averages(cells: Cells, draws: int) -> str:
    low = [cell for cell in cells if cell["coverage"] < TARGET]
    # Below this, a cell is not just unlucky: three standard errors under the target.
    clearly = TARGET - 3 * (TARGET * (1 - TARGET) / draws) ** 0.5
    below = sum(cell["coverage"] < clearly for cell in cells)
    text = (
        f"{len(cells)} cells, mean coverage {_mean(cells, 'coverage'):.3f}, "
        f"worst {min(cell['coverage'] for cell in cells):.3f}; {len(low)} lie under {TARGET}, "
        f"{below} of them by more than three standard errors. "
        "Over all truths and noises:\n"
    )
    lines = []
    for key in ("grid", "visits"):
        for name in _names(cells, key):
            chosen = [cell for cell in cells if cell[key] == name]
            values = [_mean(chosen, "coverage"), _mean(chosen, "answered")]
            width = float(np.exp(np.mean([np.log(cell["width"]) for cell in chosen])))
            numbers = [f"{value:.3f}" for value in (*values, width)]
            lines.append([f"{key} {name}", *numbers, f"{_mean(chosen, 'error'):.1%}"])
    names = ("", "coverage", "answered", "width (ratio of the ends)", "error of the value")
    return text + "\n" + _table(names, lines)


def _truth(truth: str, cells: Cells) -> str:
    visits = _names(cells, "visits")
    lines = []
    for grid in _names(cells, "grid"):
        for noise in _names(cells, "noise"):
            row = [cell for cell in cells if (cell["grid"], cell["noise"]) == (grid, noise)]
            shown = [f"{c['coverage']:.2f}, {c['width']:.2f}, {c['error']:.1%}" for c in row]
            lines.append([grid, noise, *shown])
    head = ("grid", "noise", *(f"{number} visits" for number in visits))
    title = (
        f"## {truth}\n\nCoverage, median width (ratio of the ends), median error of the value.\n\n"
    )
    return title + _table(head, lines)


def _verdicts(cells: Cells) -> str:
    names = ("crosses", "several", "always", "undecided", "wins_only_below", "never_in_range")
    lines = []
    for noise in _names(cells, "noise"):
        chosen = [cell["verdicts"] for cell in cells if cell["noise"] == noise]
        shares = [float(np.mean([found.get(name, 0.0) for found in chosen])) for name in names]
        lines.append([noise, *(f"{share:.1%}" for share in shares)])
    return "## Verdicts\n\nOn everything above, which crosses once.\n\n" + _table(
        ("noise", *names), lines
    )


def _equal(cells: Cells) -> str:
    lines = []
    for noise in _names(cells, "noise"):
        for visits in _names(cells, "visits"):
            chosen = [c for c in cells if (c["noise"], c["visits"]) == (noise, visits)]
            strict = f"{_mean(chosen, 'strict_tables'):.1%}"
            lines.append([noise, str(visits), f"{_mean(chosen, 'false_wins'):.1%}", strict])
    overall = [
        "all",
        "all",
        f"{_mean(cells, 'false_wins'):.1%}",
        f"{_mean(cells, 'strict_tables'):.1%}",
    ]
    tables = sum(cell["num_tables"] for cell in cells)
    grids = len(_names(cells, "grid"))
    title = (
        "## Equal sides\n\nHow often two equal sides get a tipping point, and how often a table of "
        f"28 such rows has one with `strict`; over {grids} grids, {tables} tables in all.\n\n"
    )
    head = ("noise", "visits", "false wins", "strict tables with one")
    return title + _table(head, [*lines, overall])


def _choosing(cells: Cells) -> str:
    title = "## Best of two against best of four\n\nAll kernels equal, 5 % noise, grid x2.\n\n"
    lines = [[str(cell["visits"]), f"{cell['coverage']:.3f}"] for cell in cells]
    return title + _table(("visits", "coverage of the ratio"), lines)


def _faster(cells: Cells) -> str:
    names = ("always", "crosses", "several", "undecided")
    lines = [
        [str(c["lengths"]), str(c["visits"]), *(f"{c['verdicts'].get(n, 0.0):.1%}" for n in names)]
        for c in cells
    ]
    title = '## 20 % faster everywhere, 8 % noise\n\n`crosses` is here always "at most".\n\n'
    return title + _table(("lengths", "visits", *names), lines)
