"""Errors about data, each message one sentence for the person who chose the data."""


class DataError(ValueError):
    """A data set or a setting of one that the user must change."""


class BadSampleError(DataError):
    """One sample of a data set that cannot be used; the message names it."""


def validate_minimum(setting: str, value: float, minimum: float) -> None:
    """Raise DataError when a numeric setting is below its minimum."""
    if value < minimum:
        raise DataError(f"`{setting}` must be at least {minimum}, got {value}")


def validate_fraction(setting: str, value: float) -> None:
    """Raise DataError unless a setting lies between 0 and 1, both excluded."""
    if not 0 < value < 1:
        raise DataError(f"`{setting}` must lie between 0 and 1, got {value}")


def validate_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise DataError, with the choices, unless `value` is one of them."""
    if value not in choices:
        listed = ", ".join(sorted(choices))
        raise DataError(f"`{setting}` must be one of {listed}, got {value!r}")
