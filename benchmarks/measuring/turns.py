"""Do turns make a ratio steadier? `python benchmarks/measuring/turns.py [--visits 16]`.

Two models at a time, each in a fresh process: measured one after the other, and in turns as a
sweep does, alternately. The table says how far the log ratio lies apart from visit to visit. Three
minutes on two idle cores.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np

from benchmarks.keeping import add_about, add_out, keep
from benchmarks.measuring.steadiness import ROOM_GIB, SPEED, points_of
from benchmarks.mistakes import in_one_sentence
from datamodules.errors import validate_minimum
from profiling.children.crew import Children
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from profiling.planning.settings import ModalitySettings

EFFORT = Effort(num_warmup_steps=1, min_samples=2, seconds_per_measurement=0.2)
WAYS = ("one after the other", "in turns")


def _pair(modality: str, vanilla: str, efficient: dict[str, object], length: int) -> list[Point]:
    variants = [{"name": vanilla, "implementations": ["sdpa"]}, efficient]
    chosen = {modality: ModalitySettings(variants=variants, lengths=[length])}
    found = [point for point in points_of("tiny", chosen, "kept") if point.phase == "inference"]
    return [replace(point, effort=EFFORT) for point in found]


PAIRS = (
    ("text", "bert", {"name": "local_bert", "attention_window": 64}, "local_blocked", 384),
    ("speech", "hubert", {"name": "lhubert", "attention_window": 32}, "local_blocked", 640),
    ("text", "bert", {"name": "longformer", "attention_window": 64}, "mask_fixed", 1536),
)


def visit(children: Children, pair: list[Point], way: str) -> tuple[float, float]:
    """Return the log ratio of the second over the first, and the most that others took."""
    if way == "in turns":
        outcomes = children.call_in_turns([(SPEED, point) for point in pair], 600.0, ROOM_GIB)
    else:
        outcomes = [children.call(SPEED, point, 600.0) for point in pair]
    first, second = (outcome.value for outcome in outcomes)
    others = max(found["others_cpu_share"] or 0.0 for found in (first, second))
    return float(np.log(second["latency_ms"] / first["latency_ms"])), others


@in_one_sentence
def main(words: list[str] | None = None) -> None:
    """Measure, keep the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=16, help="of each pair and way")
    add_about(parser)
    add_out(parser)
    given = parser.parse_args(words)
    validate_minimum("visits", given.visits, 2)
    children = Children()
    children.ask("os:getpid", None)
    lines = [
        "# In turns",
        "",
        f"{given.about}. {given.visits} visits. Of the log ratio: mean, standard deviation, 1.48 "
        "times the median absolute deviation; the most CPU that others took in a visit.",
        "",
        "| pair | way | mean | deviation | typical deviation | others |",
        "|---|---|---|---|---|---|",
    ]
    for modality, vanilla, efficient, kernel, length in PAIRS:
        pair = _pair(modality, vanilla, efficient | {"implementations": [kernel]}, length)
        found = [[visit(children, pair, way) for way in WAYS] for _ in range(given.visits)]
        for place, way in enumerate(WAYS):
            ratios = np.array([visits[place][0] for visits in found])
            others = max(visits[place][1] for visits in found)
            typical = 1.4826 * float(np.median(np.abs(ratios - np.median(ratios))))
            lines.append(
                f"| {efficient['name']} over {vanilla}, {length:,} | {way} | {ratios.mean():.3f} | "
                f"{ratios.std(ddof=1):.3f} | {typical:.3f} | {others:.0%} |"
            )
    table = "\n".join(lines) + "\n"
    keep(given.out, "turns", table)
    print(table)


if __name__ == "__main__":
    sys.exit(main())
