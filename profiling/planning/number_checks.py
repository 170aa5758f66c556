"""What numbers the settings of a sweep can be."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING

from datamodules.nesting import LARGEST_INTEGER
from profiling.errors import SettingsError

if TYPE_CHECKING:
    from profiling.planning.settings import SweepSettings

POSITIVE = (
    "frontier_seconds",
    "max_batch_size",
    "memory_budget_gib",
    "min_samples",
    "num_warmup_steps",
    "point_timeout_s",
    "seconds_per_measurement",
    "threads",
    "time_budget_s",
    "visits",
)
# A row holds no larger number than `LARGEST_INTEGER`, and reads none that is much nearer to zero.
LEAST = 1e-9
# Of lengths and windows: what is computed of them, such as the patches of an image, is in rows too.
LONGEST = 2**31 - 1


def check_numbers(settings: "SweepSettings") -> None:
    """Check every setting of a sweep that is a number.

    Raises:
        SettingsError: One is not finite, or out of range.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, int | float):
            _check_number(field.name, value)
    if settings.target_factor <= 1:
        raise SettingsError(f"`target_factor` must be above 1, got {settings.target_factor}")
    if settings.seed < 0:
        raise SettingsError(f"`seed` must not be negative, got {settings.seed}")


def _check_number(name: str, value: float) -> None:
    if not abs(value) <= LARGEST_INTEGER:  # which NaN is not
        raise SettingsError(
            f"`{name}` must be a finite number of at most {LARGEST_INTEGER:,}, got {value}"
        )
    if name not in POSITIVE:
        return
    if value <= 0:
        raise SettingsError(f"`{name}` must be above zero, got {value}")
    if value < LEAST:
        raise SettingsError(f"`{name}` must be at least {LEAST:g}, got {value}")


def check_longest(setting: str, values: Iterable[int]) -> None:
    """Check how long lengths are, or how wide windows.

    Args:
        setting: It in backticks, and of what.
        values: What was given.

    Raises:
        SettingsError: One is beyond `LONGEST`.
    """
    for value in values:
        if value > LONGEST:
            raise SettingsError(f"{setting} must be at most {LONGEST:,}, got {value}")
