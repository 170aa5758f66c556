"""Numbers of things in prose: one sample is, two samples are."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun, as in `1 sample` and `1,200 samples`.

    Args:
        number: How many there are.
        noun: What one of them is called; words that agree with it may follow.
        plural: The same for several; the noun with an s unless given.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def counted_of(number: int, total: int, noun: str, is_one: str, are_several: str) -> str:
    """Return a part of a number of things and its verb: `1 of 2 rows is`, `2 of 2 rows are`.

    Args:
        number: How many of them.
        total: How many there are.
        noun: What one of them is called; several have an s.
        is_one: The verb of one.
        are_several: The verb of several.
    """
    return f"{number:,} of {counted(total, noun)} {is_one if number == 1 else are_several}"
