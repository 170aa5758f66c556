"""Does a fresh process give the same number? `python benchmarks/measuring/steadiness.py`.

The same points are measured again and again, each time in a fresh process, round by round: as a
sweep does, in a bare loop around the same model under the same allocator, and with the C library's
own allocator, all three in turns. The tables say how far processes lie apart, how many page faults
a step has, and what the sweep's loop adds. Some hours on two idle cores with both sizes: nine of
the fifteen variants took one.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.keeping import add_out, keep
from benchmarks.measuring.conditions import conditions_here
from benchmarks.measuring.steadiness_tables import as_markdown
from benchmarks.mistakes import in_one_sentence
from datamodules.errors import validate_minimum
from profiling.children.crew import Children
from profiling.measuring.steps.turn import HandOver
from profiling.planning.grids import make_points, synthetic_facts
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.rows.machine import available_threads, cpu_name, library_versions

SPEED, BARE = "profiling.measuring.tasks:measure_speed", "benchmarks.measuring.steadiness:bare_loop"
ROUNDS = 10
ROOM_GIB = 4.0  # for what waits for its turn
EFFORTS = {"tiny": Effort(2, 5, 0.15), "wide": Effort(2, 3, 0.3), "small": Effort(2, 3, 0.3)}
# With the kernels that run here in both phases.
EVERY_VARIANT = {
    "text": ModalitySettings(lengths=[768]),
    "speech": ModalitySettings(lengths=[500]),
    "vision": ModalitySettings(input_sizes=[224]),
}
# 30 seconds of audio, through the small model: what an allocator costs who trains or encodes.
LHUBERT = {"name": "lhubert", "attention_window": 32, "implementations": ["local_blocked"]}
AUDIO = {"speech": ModalitySettings(variants=[LHUBERT], lengths=[1500])}


def points_of(size: str, modalities: dict[str, ModalitySettings], allocator: str) -> list[Point]:
    """Return the points of one size, latency alone."""
    settings = SweepSettings(modalities=modalities, size=size, metrics=["latency"])  # type: ignore[arg-type]
    conditions = conditions_here(size, allocator, memory_budget_gib=16.0)
    facts = {name: synthetic_facts(settings, name) for name in modalities}
    made = make_points(settings, conditions, facts)
    return [replace(point, effort=EFFORTS[size]) for point in made]


def bare_loop(point: Point, hand_over: HandOver) -> Iterator[dict[str, Any]]:
    """Yield the latency of a loop around the point's model that does nothing else, in a child."""
    from benchmarks.measuring.bare import bare_step
    from profiling.measuring.process_limits import set_threads
    from profiling.measuring.steps.building import batch_of, build_point
    from profiling.measuring.steps.surroundings import Surroundings
    from profiling.measuring.steps.trainer_runs import prepare_process

    set_threads(point.conditions.threads)
    surroundings = Surroundings(point, hand_over)
    prepare_process(point)
    module, batch = build_point(point), batch_of(point, 1)
    optimizer = module.configure_optimizers()
    module.train(point.phase == "training")
    times: list[float] = []
    # The sweep's check is one forward pass more before its warm-up.
    warm_up = point.effort.num_warmup_steps + 1
    seconds = point.effort.seconds_per_measurement
    while len(times) < warm_up + 5 or sum(times[warm_up:]) < seconds:
        if len(times) >= warm_up:
            surroundings.before_step(len(times) - warm_up, seconds)
        times.append(bare_step(module, optimizer, batch, point.phase))
    yield {"latency_ms": 1e3 * statistics.median(times[warm_up:])}


def measure(ways: dict[str, tuple[str, list[Point], int]]) -> list[dict[str, Any]]:
    """Visit every point as often as its ways say, round by round, its ways side by side.

    Args:
        ways: By name: function of the child, points, rounds.
    """
    children = Children()
    children.ask("os:getpid", None)
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number in range(max(rounds for _, _, rounds in ways.values())):
        turns = [
            (point.conditions.size, point.describe(), way, function, point)
            for way, (function, points, rounds) in ways.items()
            if number < rounds
            for point in points
        ]
        turns.sort(key=lambda turn: turn[:3], reverse=bool(number % 2))
        for (size, name), group in groupby(turns, key=lambda turn: turn[:2]):
            together = list(group)
            calls = [(function, point) for *_, function, point in together]
            outcomes = children.call_in_turns(calls, 600.0, ROOM_GIB)
            for (*_, way, _, point), outcome in zip(together, outcomes, strict=True):
                if outcome.kind != "ok":
                    raise RuntimeError(f"{way} {size} {name}: {outcome.message}")
                item = found.setdefault(
                    (way, size, name),
                    {"way": way, "size": size, "point": name, "length": point.length}
                    | {"phase": point.phase, "latencies_ms": [], "faults": [], "others": []},
                )
                item["latencies_ms"].append(outcome.value["latency_ms"])
                item["faults"].append(outcome.value.get("page_faults_per_step"))
                item["others"].append(outcome.value.get("others_cpu_share"))
        print(f"round {number + 1} done", file=sys.stderr, flush=True)
    return list(found.values())


@in_one_sentence
def main(words: list[str] | None = None) -> None:
    """Measure, keep the tables, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="fresh processes per point")
    parser.add_argument("--sizes", nargs="+", default=["tiny", "wide"], choices=("tiny", "wide"))
    add_out(parser)
    given = parser.parse_args(words)
    validate_minimum("rounds", given.rounds, 1)
    kept = [point for size in given.sizes for point in points_of(size, EVERY_VARIANT, "kept")]
    system = points_of("tiny", EVERY_VARIANT, "system")
    audio = {way: points_of("small", AUDIO, way) for way in ("kept", "system")}
    half = max(1, given.rounds // 2)
    items = measure(
        {
            "sweep": (SPEED, kept, given.rounds),
            "bare": (BARE, kept, half),
            "system": (SPEED, system, given.rounds),
            "audio kept": (SPEED, audio["kept"], half),
            "audio system": (SPEED, audio["system"], half),
        }
    )
    results = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{cpu_name()}, {available_threads()} threads",
        "versions": library_versions(),
        "rounds": given.rounds,
        "items": items,
    }
    table = as_markdown(results)
    keep(given.out, "steadiness", table, results)
    print(table)


if __name__ == "__main__":
    sys.exit(main())
