"""A look around before a sweep: who else uses the machine, and whose code measured before."""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from profiling.instruments.neighbours import DISTURBED_FROM, Neighbours
from profiling.rows.machine import commit, cores_for, library_versions

LOOK_S = 1.0


def warn_of_company(threads: int, is_sharded: bool = False) -> None:
    """Say on stderr when others take so much of our cores that visits will be disturbed.

    Args:
        threads: Of a measurement, which is bound to as many cores.
        is_sharded: Whether the sweep is one of several in its run directory.
    """
    share = share_of_others(threads)
    if share is not None and share > DISTURBED_FROM:
        print(describe_company(share, is_sharded), file=sys.stderr)


def warn_of_little_memory(free_gib: float, budget_gib: float, device: str) -> None:
    """Say on stderr when others hold memory of a GPU that a measurement may take.

    Args:
        free_gib: What they leave.
        budget_gib: What a measurement may take.
        device: Name of the GPU.
    """
    if free_gib < budget_gib:
        print(
            f"`memory_budget_gib` {budget_gib:g} must be free on {device}, and only "
            f"{free_gib:.2f} GiB are: what finds less counts as out of memory, whoever has the "
            "rest, so stop the processes that use the GPU, or lower the budget.",
            file=sys.stderr,
        )


def warn_of_other_code(machines: Iterable[Mapping[str, Any]], is_sharded: bool = False) -> None:
    """Say on stderr when rows that count are of other commits: their versions are the same.

    Args:
        machines: What all commands say that have measured there; see `describe_machine`.
        is_sharded: Whether the sweep is one of several in its run directory.
    """
    now = commit()
    versions = library_versions()
    alike = (machine for machine in machines if machine.get("versions") == versions)
    commits = dict.fromkeys(machine.get("commit") for machine in alike)
    others = [str(other) for other in commits if other not in (None, now)]
    if others and now is not None:
        print(
            f"What commit {' and '.join(others)} measured here before counts beside what {now} "
            "measures: where the code between them changes numbers, give "
            f"{_anew(is_sharded)}.",
            file=sys.stderr,
        )


def share_of_others(threads: int, seconds: float = LOOK_S) -> float | None:
    """Return the share of the cores' time that others take, 0 to 1; None where it is unknown."""
    neighbours = Neighbours(cores_for(threads))
    neighbours.begin()
    time.sleep(seconds)
    neighbours.end()
    return neighbours.share()


def describe_company(share: float, is_sharded: bool = False) -> str:
    """Return how much others take, what that does to rows, and what to do, in a sentence."""
    return (
        f"Other processes take {100 * share:.0f} % of the CPU time of the cores that are measured "
        f"on: from {100 * DISTURBED_FROM:.0f} % on a visit counts as `disturbed`, and where fewer "
        "than two others remain nothing is decided, so stop those processes and begin again with "
        f"{_anew(is_sharded)}."
    )


def _anew(is_sharded: bool) -> str:
    """Say how to measure anew: one shard may not forget what the others have measured."""
    return "`--out` a new directory for all shards" if is_sharded else "`--fresh true`"
