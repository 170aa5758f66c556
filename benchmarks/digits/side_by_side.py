"""The same command for several seeds or folds at once, each on a core of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue


def run_side_by_side(command: Sequence[str], seeds: Sequence[int] | Sequence[str]) -> int:
    """Run a command once per seed, as many at once as there are cores.

    A process and its threads stay on one core: models this small gain little from a second one.
    After a failure no further seed begins; those that run go on to their end.

    Args:
        command: A script and its arguments; the seed comes last.
        seeds: Seeds, or names of folds, in the order in which they begin.

    Returns:
        The exit status: 0, or that of a seed that failed.
    """
    cores: SimpleQueue[int] = SimpleQueue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)
    failures: list[int] = []

    def run(seed: int | str) -> None:
        core = cores.get()
        try:
            if not failures and (status := _run_on(core, [*command, str(seed)])):
                failures.append(status)
        finally:
            cores.put(core)

    with ThreadPoolExecutor(cores.qsize()) as pool:
        list(pool.map(run, seeds))
    return failures[0] if failures else 0


def _run_on(core: int, command: Sequence[str]) -> int:
    process = subprocess.Popen(
        [sys.executable, *command], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    # Before the interpreter has started a thread, so that all of them inherit it.
    os.sched_setaffinity(process.pid, {core})
    return process.wait()
