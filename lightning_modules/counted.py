"""Numbers of things in prose; as in `datamodules`, which this package does not import."""


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, as in `1 frame` and `1,200 frames`."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"
