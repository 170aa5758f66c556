"""Do the intervals hold what they promise? `python benchmarks/answers/coverage.py [--draws 200]`.

Curves with a known crossing are measured with simulated noise, as often as there are draws in each
cell; the tables say how often the 95 % interval holds the crossing, how wide it is, how far off the
value is, and what equal sides are said to be. A quarter of an hour on one core.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from benchmarks.answers.simulated.tables import as_markdown
from benchmarks.answers.simulated.truths import (
    CROSSINGS,
    GRIDS,
    NOISES,
    TRUTHS,
    Truth,
    choosing_duels,
    comparison_of,
    equal_duels,
    grid_of,
    normal,
    simulate,
)
from benchmarks.keeping import add_about, add_out, keep
from benchmarks.mistakes import in_one_sentence
from datamodules.errors import validate_minimum
from profiling.analysis.answers.verdicts import WITH_VALUE, decide
from profiling.analysis.statistics.many import beyond_chance

VISITS = (2, 3, 5, 8)
ROWS_OF_A_TABLE = 28


def generator_of(*cell: object) -> np.random.Generator:
    """Return random numbers that are a cell's own, the same in every run."""
    return np.random.default_rng(crc32(repr(cell).encode()))


def crossing_cell(truth: str, grid: str, noise: str, visits: int, draws: int) -> dict[str, Any]:
    """Return what is said of one truth, its crossing elsewhere in each draw."""
    generator = generator_of(truth, grid, noise, visits)
    held, widths, errors, verdicts = [], [], [], Counter[str]()
    lengths = GRIDS[grid]
    for _ in range(draws):
        drawn = TRUTHS[truth](float(np.exp(generator.uniform(*np.log(CROSSINGS)))))
        crossing = drawn.crossing()
        _, found = simulate(drawn, NOISES[noise], lengths, visits, generator)
        verdicts[found.verdict] += 1
        if found.tipping_point is None or found.ci_low is None or found.ci_high is None:
            continue
        held.append(found.ci_low <= crossing <= found.ci_high)
        widths.append(found.ci_high / found.ci_low)
        errors.append(abs(float(np.log(found.tipping_point / crossing))))
    return {
        **{"truth": truth, "grid": grid, "noise": noise, "visits": visits},
        "coverage": float(np.mean(held)),
        "width": float(np.median(widths)),
        "error": float(np.median(errors)),
        "answered": len(held) / draws,
        "verdicts": {name: count / draws for name, count in verdicts.items()},
    }


def equal_cell(grid: str, noise: str, visits: int, draws: int) -> dict[str, Any]:
    """Return how often equal sides are told apart, alone and in tables with `strict`."""
    wins, chances = [], []
    generator, lengths = generator_of(grid, noise, visits), GRIDS[grid]
    for _ in range(draws):
        duels = equal_duels(NOISES[noise], lengths, visits, generator)
        judged, found = decide(comparison_of(), duels, "latency")
        wins.append(found.verdict in WITH_VALUE)
        chances.append(judged.chance)
    tables = [
        any(beyond_chance(chances[start : start + ROWS_OF_A_TABLE]) & wins_of_table(wins, start))
        for start in range(0, draws - ROWS_OF_A_TABLE + 1, ROWS_OF_A_TABLE)
    ]
    return {
        **{"grid": grid, "noise": noise, "visits": visits},
        "false_wins": float(np.mean(wins)),
        "strict_tables": float(np.mean(tables)),
        "num_tables": len(tables),
    }


def wins_of_table(wins: Sequence[bool], start: int) -> Any:
    """Return which rows of one table are wins, (rows,)."""
    return np.array(wins[start : start + ROWS_OF_A_TABLE])


def choosing_cell(visits: int, draws: int) -> dict[str, Any]:
    """Return how often the ratio's interval holds 1 when the best of 2 meets the best of 4."""
    held, generator = [], generator_of("choosing", visits)
    for _ in range(draws):
        duels = choosing_duels((2, 4), grid_of(2.0), visits, generator)
        judged, _ = decide(comparison_of(), duels, "latency")
        held += [item["ci_low"] <= 1 <= item["ci_high"] for item in judged.outcomes]
    return {"visits": visits, "coverage": float(np.mean(held))}


def faster_cell(num_lengths: int, visits: int, draws: int) -> dict[str, Any]:
    """Return the verdicts on a side that is 20 % faster everywhere, with 8 % noise."""
    truth = Truth(lambda n: n, lambda n: 0.8 * n)
    lengths = np.geomspace(256, 256 * 2 ** (num_lengths - 1), num_lengths)
    generator, noise = generator_of("faster", num_lengths, visits), normal(0.08 / 2**0.5)
    found = Counter(
        simulate(truth, noise, lengths, visits, generator)[1].verdict for _ in range(draws)
    )
    shares = {name: count / draws for name, count in found.items()}
    return {"lengths": num_lengths, "visits": visits, "verdicts": shares}


def measure(draws: int) -> dict[str, Any]:
    """Return all cells."""
    cells = product(TRUTHS, GRIDS, NOISES, VISITS)
    equal = product(GRIDS, NOISES, VISITS)
    # A whole number of tables, and enough of them.
    equal_draws = max(draws * 2 // ROWS_OF_A_TABLE, 1) * ROWS_OF_A_TABLE
    return {
        "draws": draws,
        "equal_draws": equal_draws,
        "crossings": [crossing_cell(*cell, draws) for cell in cells],
        "equal": [equal_cell(*cell, equal_draws) for cell in equal],
        "choosing": [choosing_cell(visits, draws) for visits in VISITS],
        "faster": [faster_cell(n, visits, draws) for n in (3, 5, 8) for visits in VISITS],
    }


@in_one_sentence
def main(words: list[str] | None = None) -> None:
    """Simulate, keep the tables, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200, help="simulated sweeps per cell")
    add_about(parser)
    add_out(parser)
    given = parser.parse_args(words)
    validate_minimum("draws", given.draws, 1)
    results = {"about": given.about, **measure(given.draws)}
    table = as_markdown(results)
    keep(given.out, "coverage", table, results)
    print(table)


if __name__ == "__main__":
    sys.exit(main())
