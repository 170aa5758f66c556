"""The configuration of L-HuBERT: HuBERT's, and a window."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import HubertConfig

from lightning_modules.errors import ModelError
from lightning_modules.window import DEFAULT_SPEECH_WINDOW, windows_of_layers

DEFAULT_IMPLEMENTATION = "local_blocked"
FEATURE_GRAD_MULT = 0.1  # the convolutions learn at a tenth of the rate


@strict
class LHubertConfig(HubertConfig):
    """HuBERT's configuration with the width of its attention.

    Args:
        attention_window: Total width in frames, even; one for all layers, or one per layer.
        local_implementation: Kernel of the attention, one of `IMPLEMENTATIONS`.
        num_clusters: Labels that pre-training predicts; None where nothing is pre-trained.
        feature_grad_mult: Factor of the convolutions' gradients in pre-training; HuBERT Large has
            1.0.
    """

    model_type = "lhubert"

    attention_window: int | list[int] = DEFAULT_SPEECH_WINDOW
    # None only so that it gets as far as `__setattr__`: the library's own refusal is a traceback.
    local_implementation: str | None = DEFAULT_IMPLEMENTATION
    num_clusters: int | None = None
    feature_grad_mult: float | int = FEATURE_GRAD_MULT

    def __post_init__(self, **kwargs: Any) -> None:
        """Check the windows.

        Raises:
            ModelError: A window is not a positive even number, or there is not one per layer.
        """
        windows_of_layers(self.attention_window, self.num_hidden_layers)
        super().__post_init__(**kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse full attention, which other local models have without a kernel.

        Raises:
            ModelError: `local_implementation` is None.
        """
        if name == "local_implementation" and value is None:
            raise ModelError(
                "`local_implementation` of an L-HuBERT must name a kernel of local attention, "
                "got None; `to_hubert()` of the loaded model gives full attention"
            )
        super().__setattr__(name, value)
