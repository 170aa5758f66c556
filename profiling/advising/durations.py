"""Times in the units of people."""

UNITS_MS = {"days": 86_400_000.0, "h": 3_600_000.0, "min": 60_000.0, "s": 1_000.0, "ms": 1.0}


def duration_words(milliseconds: float) -> str:
    """Return a time in the largest unit of which it has at least one, such as `12.7 h`."""
    name = next((name for name, size in UNITS_MS.items() if milliseconds >= size), "ms")
    number = milliseconds / UNITS_MS[name]
    return f"{number:,.1f} {name}" if number < 100 else f"{number:,.0f} {name}"
