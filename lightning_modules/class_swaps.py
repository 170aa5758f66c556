"""Parts of transformers' models that become ones of a subclass of ours."""

from typing import Any


def swap_class(part: Any, subclass: type) -> None:
    """Turn a part that transformers has built into one of a subclass, which is built the same way.

    transformers writes the classes of a model's parts into its code, so that it cannot be given
    other ones. To build a part anew would lose the weights that were loaded or drawn, and would
    draw further random numbers: models of the same seed would begin from different weights.

    Raises:
        TypeError: The class is no subclass of the part's, or may build other parts, because it has
            an `__init__` of its own.
    """
    built = type(part)
    if not issubclass(subclass, built) or subclass.__init__ is not built.__init__:  # type: ignore[misc]
        raise TypeError(
            f"{subclass.__name__} must be a subclass of {built.__name__} without an `__init__` of "
            "its own"
        )
    part.__class__ = subclass
