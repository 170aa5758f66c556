"""Numbers in few digits, but never so few that a difference reads as none."""

from collections.abc import Iterable

# What differs by less is the same to a reader.
MOST_PLACES = 6


def places_for(values: Iterable[float], neutral: Iterable[float], least: int) -> int:
    """Return how many decimal places tell all values from the neutral ones.

    A value that is neutral itself asks for none, and so does one that differs by less than
    `MOST_PLACES` can show.

    Args:
        values: What is told.
        neutral: What each of them must not read as, unless it is that.
        least: The fewest places.
    """
    pairs = [(value, other) for value in values for other in neutral if value != other]
    needed = [_places(value, other, least) for value, other in pairs]
    return max(needed, default=least)


def number_of(value: float, neutral: Iterable[float], least: int = 0) -> str:
    """Return a number with as many decimal places as `places_for` says."""
    return f"{value:,.{places_for([value], neutral, least)}f}"


def measured_text(value: float) -> str:
    """Return a number of 0 or more: whole with commas from 1,000 on, else of four digits."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def percent_of(share: float, least: int = 0) -> str:
    """Return a share as a percentage that reads as nothing, or as all, only where it is that.

    Args:
        share: Usually between 0 and 1.
        least: The fewest decimal places.
    """
    return f"{number_of(100 * share, (0.0, 100.0), least)} %"


def _places(value: float, other: float, least: int) -> int:
    enough = (n for n in range(least, MOST_PLACES + 1) if round(value, n) != round(other, n))
    return next(enough, least)
