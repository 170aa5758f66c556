"""What the registry knows of one variant."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Variant:
    """One model of a modality, as far as it can be known without building it."""

    path: str
    """`module:class`, imported only by `build_module`."""
    implementations: tuple[str, ...]
    """What can compute its attention."""
    like_for_like: str
    """The implementation compared with the vanilla one's `eager`."""
    default: str
    """The implementation when none is given."""
    only_named: tuple[str, ...] = ()
    """Implementations that a sweep measures only where they are named."""
    is_vanilla: bool = False
    """Whether others are compared with it."""
    vanilla: str | None = None
    """The variant that it is compared with; None takes the first vanilla one of its modality."""
    axis: str | None = None
    """Column on which it is compared; None takes its modality's. For those whose tokens are not
    the vanilla one's, so that as many of them are not the same input."""
    axis_reason: str = ""
    """Why, in a clause without its subject, where it is not that tokens differ in length."""
    attention_only: bool = True
    """Whether it differs from its vanilla in nothing but its attention core."""
    takes_window: bool = False
    """Whether `attention_window` is a setting of it."""
    default_window: int | None = None
    """The `attention_window` when none is given, in tokens."""
    has_one_window: bool = False
    """Whether all of its layers that have a window must have the same."""
    minimum_length: int = 1
    """Shortest value of the modality's axis that it takes on its efficient path."""
    length_reason: str = ""
    """Why shorter ones are not taken, in one clause."""
    maximum_length: int | None = None
    """Longest value of the modality's axis that it takes, whatever its settings; None = any."""
    maximum_reason: str = ""
    """Why longer ones are not taken, in one clause."""
    pads_to: int | Literal["attention_window"] | None = None
    """What it pads to a multiple of, on its modality's axis: its cost is then a staircase."""
    takes_mask: bool = True
    """Whether it can be told what is padding; otherwise outputs depend on how much there is."""
    caution: str = ""
    """What a reader of its numbers must know: a sentence without its subject and full stop."""

    def refusal(self, length: int) -> str | None:
        """Say why it does not take a value of the modality's axis; None where it does.

        Returns:
            A clause whose subject is the variant.
        """
        if length < self.minimum_length:
            return f"takes {self.minimum_length} and more: {self.length_reason}"
        if self.maximum_length is not None and length > self.maximum_length:
            return f"takes at most {self.maximum_length:,}: {self.maximum_reason}"
        return None


def padding_of(pads_to: int | str | None, attention_window: int | None) -> int | None:
    """Return to a multiple of what a variant pads that has a window; None where nobody knows.

    Args:
        pads_to: As the registry says it.
        attention_window: Of the variant.
    """
    return pads_to if isinstance(pads_to, int) or pads_to is None else attention_window
