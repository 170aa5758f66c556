"""What this system does not tell of a process: said once; what is nothing without it, refused."""

import platform
import sys
from functools import cache

from profiling.errors import SettingsError
from profiling.planning.settings import SweepSettings
from profiling.rows.own_process import can_reset_peak, data_kib

NO_LIMIT = (
    "this system does not tell what a process holds: `memory_budget_gib` limits nothing on a CPU"
)
NO_PEAK = "this system lets no process read the peak of its memory: memory is null on a CPU"


def check_what_is_told(settings: SweepSettings) -> None:
    """Say on stderr what a sweep on this CPU does without.

    Raises:
        SettingsError: It would search what fits into memory, and nothing limits that.
    """
    is_limited = data_kib() is not None
    if settings.frontier and not is_limited:
        raise SettingsError(
            "`frontier` must be false on a CPU where nothing limits the memory of a process, as on "
            f"this {platform.system()}, got true: search on Linux, or on `device` cuda"
        )
    if not is_limited:
        _say_once(NO_LIMIT)
    if "memory" in settings.metrics and not can_reset_peak():
        _say_once(NO_PEAK)


@cache
def _say_once(sentence: str) -> None:
    """Say it of the machine, though one command may sweep several times."""
    print(sentence, file=sys.stderr)
