"""ModernBERT: of three layers the first sees all tokens, the others slide a window."""

import math
from typing import Any

from transformers import ModernBertConfig, ModernBertForMaskedLM

from lightning_modules.attention.interface import attention_modules, find_windows, localize
from lightning_modules.errors import ModelError
from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.text.base import TextModule
from lightning_modules.sizes import MODERNBERT_SIZES
from lightning_modules.stored_window import noted_windows

# Kinds of layers in its configuration.
FULL, SLIDING = "full_attention", "sliding_attention"
# Kernels of the library, for which the window is a mask over all pairs of tokens.
DENSE = ("eager", "sdpa")
# A checkpoint that was exported with a local kernel says so; its weights serve these kernels, too.
NOT_LOCAL = {"attention_window": None, "local_implementation": None}
TOKEN_IDS = ("bos_token_id", "cls_token_id", "eos_token_id", "sep_token_id")


class ModernBertText(TextModule):
    """What ModernBERT and its twin without windows share."""

    model_class = ModernBertForMaskedLM
    config_class = ModernBertConfig
    published_max_length = 8192
    position_table = None  # positions are angles, of which there are enough for any length
    dropouts = ("attention_dropout", "embedding_dropout", "mlp_dropout")

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of a transformers configuration that make each named size."""
        return {name: size.fields for name, size in MODERNBERT_SIZES.items()}

    def _random_fields(self) -> dict[str, Any]:
        # The published ones are outside a smaller vocabulary, and nothing here asks for them.
        return dict.fromkeys(TOKEN_IDS)

    def _load(self, fields: dict[str, Any]) -> Any:
        return super()._load(fields | NOT_LOCAL if self.implementation in DENSE else fields)


class ModernBertModule(ModernBertText):
    """ModernBERT as published, or with a local kernel in its sliding layers.

    As shipped (`eager`, `sdpa`) a sliding layer computes all pairs of tokens under a mask; the
    library leaves that mask out where the input is shorter than half a window, so that there is a
    kink. With a local kernel the other layers take torch's fused attention.
    """

    variant = "modernbert"

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what; where it is all tokens, by a window of them."""
        width, tokens = self.model.config.hidden_size, self.sequence_length(length)
        windows = [window or 2 * tokens for window in self._windows()]
        return [AttentionCore(tokens, width, window) for window in windows]

    def runs_as_full_attention(self, length: int) -> bool:
        """Tell whether the window covers an input, so that sliding layers run like the others."""
        if self.implementation in DENSE:
            return self.sequence_length(length) < self._half_window()
        return super().runs_as_full_attention(length)

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Tell that layers may compute scores for all pairs: some always do."""
        return True

    def most_all_pairs(self, length: int, training: bool) -> float:
        """Give how many layers may rightly compute scores for all pairs of their tokens."""
        if self.implementation in DENSE or super().may_compute_all_pairs(length, training):
            return math.inf
        return self._windows().count(None)

    def _config_fields(self) -> dict[str, Any]:
        return {"local_attention": self.attention_window}

    def _load(self, fields: dict[str, Any]) -> Any:
        model = super()._load(fields)
        self._check_layers([kind == SLIDING for kind in model.config.layer_types])
        return model

    def _check_layers(self, is_sliding: list[bool]) -> None:
        """Refuse a checkpoint whose layers are others than the windows that a row will claim."""
        checkpoint = self.settings.checkpoint
        assert checkpoint is not None
        if not any(is_sliding):
            raise ModelError(
                f"`checkpoint` must have sliding layers for {self.variant}, got {checkpoint!r}, "
                f"in which every layer sees all tokens; {self.registered.vanilla} takes it"
            )
        noted = noted_windows(checkpoint)
        windows = noted if isinstance(noted, list) else [noted] * len(is_sliding)
        if noted is not None and [window is not None for window in windows] != is_sliding:
            raise ModelError(
                f"`checkpoint` must have a window in each sliding layer and in no other one for "
                f"{self.variant}, got {checkpoint!r}, whose `attention_window` is {noted}; "
                "`AutoModelForMaskedLM.from_pretrained` of transformers takes it"
            )

    def _prepare_model(self) -> None:
        if self.implementation in DENSE:
            super()._prepare_model()
        else:
            localize(self.model, None, self.implementation)

    def _half_window(self) -> int:
        assert self.attention_window is not None
        return self.attention_window // 2

    def _windows(self) -> list[int | None]:
        """List the window that each layer is to have, None where it sees all tokens."""
        kinds = self.model.config.layer_types
        return [self.attention_window if kind == SLIDING else None for kind in kinds]

    def _why_inactive(self, length: int) -> str | None:
        expected = self._windows()
        reach = {None: None, self.attention_window: self._half_window() + 1}
        told = [module.sliding_window for module in attention_modules(self.model)]
        is_local = self.implementation not in DENSE
        if told != [reach[window] for window in expected] or (
            is_local and find_windows(self.model) != expected
        ):
            return f"expected `attention_window` {self.attention_window} in every sliding layer"
        return self._why_another_kernel()
