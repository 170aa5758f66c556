"""Colour and pattern of every component, from the bottom of a bar to its top."""

from collections.abc import Iterable
from dataclasses import dataclass

OPTIMISER = "optimiser"


@dataclass(frozen=True)
class ComponentLook:
    """How a component is drawn.

    Args:
        colour: Of Okabe and Ito's, as far as they go.
        pattern: Plotly's name of what tells it apart without colour; empty: plain.
    """

    colour: str
    pattern: str


# Attention stands on the axis, where its share can be read.
LOOKS = {
    "attention_core": ComponentLook("#d55e00", ""),
    "attention_projection": ComponentLook("#a87400", "/"),
    "feed_forward": ComponentLook("#0072b2", ""),
    "norm_residual": ComponentLook("#3a96cc", "\\"),
    "feature_encoder": ComponentLook("#7a8f2a", "x"),
    "embedding": ComponentLook("#009e73", "-"),
    "head": ComponentLook("#b0508a", "|"),
    "other": ComponentLook("#8a8a8a", ""),
    OPTIMISER: ComponentLook("#8a6d4f", "."),
}
UNKNOWN = ComponentLook("#4f6d8a", "+")


def look_of(component: str) -> ComponentLook:
    """Return how a component is drawn, also one that nobody knows yet."""
    return LOOKS.get(component, UNKNOWN)


def in_order(components: Iterable[str]) -> list[str]:
    """Return components from the bottom of a bar up, unknown ones last."""
    known = list(LOOKS)
    return sorted(components, key=lambda name: known.index(name) if name in known else len(known))
