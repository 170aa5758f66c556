"""How fast the clock of our cores runs, where the system tells."""

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

CORES = Path("/sys/devices/system/cpu")


def mean_mhz(cores: Iterable[int]) -> float | None:
    """Return the mean frequency of the cores at this moment, in MHz; None where it is unknown.

    Most virtual machines have no such files. `/proc/cpuinfo` has a frequency there all the same,
    but it is a constant, which the machine was started with: it is not read.
    """
    try:
        found = [
            int((CORES / f"cpu{core}/cpufreq/scaling_cur_freq").read_text()) / 1e3 for core in cores
        ]
    except (OSError, ValueError):  # some drivers answer "<unknown>"
        return None
    return fmean(found) if found else None
