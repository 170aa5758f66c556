"""Models of the study: every variant as a LightningModule, and local attention for any encoder."""

from typing import Any

__all__ = ["local_attention"]


def __getattr__(name: str) -> Any:
    # Lazy, so that a process that only reads the registry does not import torch.
    if name == "local_attention":
        from lightning_modules.attention import local_attention

        return local_attention
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
