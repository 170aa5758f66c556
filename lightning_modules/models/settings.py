"""The settings that every variant has."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelSettings:
    """The settings of a variant as they were given, which `VariantModule` documents."""

    size: str
    implementation: str | None
    attention_window: int | None
    max_length: int | None
    dropout: str
    checkpoint: str | None
    lr: float


def dropout_fields(dropout: str, *names: str) -> dict[str, Any]:
    """Set the named configuration fields to 0 for `dropout` "none"; leave what is published."""
    return dict.fromkeys(names, 0.0) if dropout == "none" else {}
