"""Errors about data, each message one sentence for the person who chose the data."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataError(ValueError):
    """A data set or a setting of one that the user must change."""


class BadSampleError(DataError):
    """One sample of a data set that cannot be used; the message names it.

    Args:
        message: One sentence.
        reason: Why it is left out where such samples are skipped, for the account.
        ending: Ending of its file, such as `.wav`.
    """

    def __init__(self, message: str, reason: str = "cannot be used", ending: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.ending = ending


@contextmanager
def reading(sample: str, path: Path, problem: str = "cannot be read") -> Iterator[None]:
    """Turn whatever a library or the file system raises over one sample into a bad sample.

    Libraries for audio and images raise errors of any class over a file that is damaged.

    Args:
        sample: What it is, such as `audio file`.
        path: Its file.
        problem: What the message says of it.

    Raises:
        BadSampleError: Something was raised that is no sentence of ours yet.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        message = f"{sample} {shown(path)} {problem}: {reason_of(error)}"
        raise BadSampleError(message, "cannot be read", path.suffix.lower()) from error


@contextmanager
def opening(source: str) -> Iterator[None]:
    """Turn whatever a library or the file system raises over a whole source into one sentence.

    Args:
        source: The setting in backticks and its value.

    Raises:
        DataError: Something was raised that is no sentence of ours yet.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{source} cannot be read: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Return in one line what an error of a library or of the file system says."""
    if isinstance(error, FileNotFoundError):
        return "it does not exist" if error.errno else str(error)
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    # What is before a colon is the name of the file, as soundfile calls it.
    said = lines[0].split(": ")[-1].strip().rstrip(".") if lines else ""
    return shown(said) or type(error).__name__


def shown(name: object) -> str:
    """Return a name in one line of printable characters: others, such as line ends, are escaped.

    A file name may have any bytes but zero and `/`; those that are no UTF-8 are lone surrogates.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(name)
    )


def validate_minimum(setting: str, value: float, minimum: float) -> None:
    """Raise DataError when a numeric setting is below its minimum, infinite or no number."""
    if value < minimum:
        raise DataError(f"`{setting}` must be at least {minimum}, got {value}")
    if not value < math.inf:
        raise DataError(f"`{setting}` must be a finite number, got {value}")


def validate_range(setting: str, ends: tuple[float, float], minimum: float = -math.inf) -> None:
    """Raise DataError unless a setting has two finite numbers, ascending from the minimum on."""
    low, high = ends
    if not (-math.inf < low <= high < math.inf and minimum <= low):
        least = "" if minimum == -math.inf else f" of at least {minimum}"
        raise DataError(
            f"`{setting}` must be two finite numbers{least}, the smaller one first, got {low} and "
            f"{high}"
        )


def validate_fraction(setting: str, value: float) -> None:
    """Raise DataError unless a setting lies between 0 and 1, both excluded."""
    if not 0 < value < 1:
        raise DataError(f"`{setting}` must lie between 0 and 1, got {value}")


def validate_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise DataError, with the choices, unless `value` is one of them."""
    if value not in choices:
        listed = ", ".join(sorted(choices))
        raise DataError(f"`{setting}` must be one of {listed}, got {value!r}")
