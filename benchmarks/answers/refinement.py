"""What choosing lengths saves: `python benchmarks/answers/refinement.py [--draws 200]`.

Curves with a known crossing are measured with simulated noise, once on a fixed grid of 8 lengths
with 3 visits and once with lengths chosen where the answer is wide. The table says how many
visits that took, how wide the intervals are, and how often they hold the crossing. Fifteen minutes
on one core.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from benchmarks.answers.coverage import generator_of
from benchmarks.answers.simulated.truths import (
    CROSSINGS,
    LONGEST,
    SHORTEST,
    TRUTHS,
    Array,
    Truth,
    comparison_of,
    duels_of,
    normal,
    simulate,
)
from benchmarks.keeping import add_about, add_out, keep
from benchmarks.mistakes import in_one_sentence
from datamodules.errors import validate_minimum
from profiling.analysis.answers.duels import Duel
from profiling.analysis.answers.next_length import Limits
from profiling.analysis.answers.refining import find_wish
from profiling.analysis.answers.verdicts import Answer, decide
from profiling.planning.ranges import middle_between
from profiling.sweeping.beginnings import START_VISITS

NOISES = (0.01, 0.03, 0.08)  # of the log ratio in one visit, as a standard deviation
GRID, GRID_VISITS = 8, 3
TARGETS = (1.25, 1.5)


def refine(
    truth: Truth, deviation: float, limits: Limits, generator: np.random.Generator
) -> tuple[Answer, int]:
    """Return what is said after the lengths were chosen, and how many visits that took."""
    noise = normal(deviation)
    drawn: dict[int, list[Array]] = defaultdict(list)
    wanted = [SHORTEST, LONGEST] * START_VISITS
    while wanted:
        for length in wanted:
            drawn[length].append(noise(generator, 1, 1))
        duels = [_duel(truth, length, drawn[length]) for length in sorted(drawn)]
        visits = {length: len(made) for length, made in drawn.items()}
        wish = find_wish(comparison_of(truth.padding), duels, "latency", visits, limits)
        wanted = [wish.length] if wish else []
    answer = decide(comparison_of(truth.padding), duels, "latency")[1]
    return answer, sum(map(len, drawn.values()))


def _duel(truth: Truth, length: int, made: list[Array]) -> Duel:
    lengths = np.array([float(length)])
    noise = np.concatenate(made, axis=2)
    (duel,) = duels_of(truth.log_ratios(lengths), truth.vanilla(lengths), lengths, noise)
    return duel


def cell(name: str, noise: float, target: float, draws: int) -> dict[str, Any]:
    """Return both ways of measuring one truth, its crossing elsewhere in each draw."""
    generator, deviation = generator_of(name, noise, target), noise / 2**0.5
    limits = Limits(GRID_VISITS, target, lambda a, b: middle_between("text", a, b))
    lengths = np.round(np.geomspace(SHORTEST, LONGEST, GRID) / 8) * 8
    said: dict[str, list[tuple[Answer, float]]] = {"chosen": [], "grid": []}
    visits = []
    for _ in range(draws):
        truth = TRUTHS[name](float(np.exp(generator.uniform(*np.log(CROSSINGS)))))
        answer, made = refine(truth, deviation, limits, generator)
        visits.append(made)
        said["chosen"].append((answer, truth.crossing()))
        _, answer = simulate(truth, normal(deviation), lengths, GRID_VISITS, generator)
        said["grid"].append((answer, truth.crossing()))
    found = {"truth": name, "noise": noise, "target": target, "visits": float(np.mean(visits))}
    return found | {way: _summary(answers) for way, answers in said.items()}


def _summary(said: list[tuple[Answer, float]]) -> dict[str, float]:
    ends = [(a.ci_low, a.ci_high, true) for a, true in said if a.ci_low and a.ci_high]
    return {
        "answered": len(ends) / len(said),
        "width": float(np.median([high / low for low, high, _ in ends])),
        "coverage": float(np.mean([low <= true <= high for low, high, true in ends])),
    }


def as_markdown(results: dict[str, Any]) -> str:
    """Return the table."""
    lines = [
        f"# Lengths chosen against a grid of {GRID} lengths x {GRID_VISITS} visits",
        "",
        f"{results['about']}. {results['draws']} draws per cell; chosen / grid.",
        "",
        "| truth | noise | target | visits | share of the grid's | answered | width | coverage |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["cells"]:
        chosen, grid = row["chosen"], row["grid"]
        pairs = [
            f"{chosen[key]:.3f} / {grid[key]:.3f}" for key in ("answered", "width", "coverage")
        ]
        share = row["visits"] / (GRID * GRID_VISITS)
        lines.append(
            f"| {row['truth']} | {row['noise']:.0%} | {row['target']} | {row['visits']:.1f} | "
            f"{share:.2f} | {' | '.join(pairs)} |"
        )
    return "\n".join(lines) + "\n"


@in_one_sentence
def main(words: list[str] | None = None) -> None:
    """Simulate, keep the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200, help="simulated sweeps per cell")
    add_about(parser)
    add_out(parser)
    given = parser.parse_args(words)
    validate_minimum("draws", given.draws, 1)
    cells = [cell(t, n, f, given.draws) for t in TRUTHS for n in NOISES for f in TARGETS]
    results = {"about": given.about, "draws": given.draws, "cells": cells}
    table = as_markdown(results)
    keep(given.out, "refinement", table, results)
    print(table)


if __name__ == "__main__":
    sys.exit(main())
