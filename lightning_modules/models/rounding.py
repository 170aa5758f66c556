"""Lengths that models pad their inputs to."""


def round_up(length: int, multiple: int) -> int:
    """Give the smallest multiple of `multiple` that is at least `length`."""
    return -(-length // multiple) * multiple
