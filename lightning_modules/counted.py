"""Numbers of things in prose; as in `datamodules`, which this package does not import."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun, as in `1 frame` and `1,200 frames`.

    Args:
        number: How many there are.
        noun: What one of them is called.
        plural: What several are called; the noun with an s unless given.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
