"""Watch the operators of a forward pass: which attention kernels run, and over how many pairs."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Products of batches of matrices; the matrices are the last arguments. Linear layers take others.
PRODUCTS = ("baddbmm", "bmm")
FUSED = "_scaled_dot_product_"
# Fused kernels that do not bear the name of torch's function.
WITH_WINDOWS = ("_flash_attention_forward", "_varlen_attn", "local_attention")
# Torch's attention, taken apart into plain operations.
UNFUSED = ("_safe_softmax", "_scaled_dot_product_attention_math")


class AttentionWatch(TorchDispatchMode):
    """Notes which fused attention kernels run inside the context, and who meets all tokens.

    Attention over all pairs shows in two ways. A fused kernel gets at least as many queries and as
    many keys as there are tokens. Unfused, a product of matrices has at least as many rows and as
    many columns as there are tokens, and sums over something shorter: the width of a head. The
    product of weights and values sums over tokens, so it is no such product, however few there are.
    Where a head is at least as wide as the input is long, unfused attention is therefore not seen.
    """

    def __init__(self, tokens: int | None = None) -> None:
        """Begin with none.

        Args:
            tokens: Tokens of the first layer; None looks for kernels alone.
        """
        super().__init__()
        self.all_pairs_by: str | None = None
        self.num_all_pairs = 0
        self._tokens = tokens
        self._seen: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        if (kernel := kernel_of(name)) is not None:
            self._seen.add(kernel)
        if self._tokens is not None and _takes_all(name, args, self._tokens):
            self.all_pairs_by = name.strip("_")
            self.num_all_pairs += 1
        return func(*args, **(kwargs or {}))

    def names(self) -> str | None:
        """Return the kernels, joined by "+"; None when attention was not fused."""
        return names_of(self._seen)


def kernel_of(operator: str) -> str | None:
    """Return the short name of an attention kernel; None of every other operator.

    Args:
        operator: Its name, with or without that of its library: "aten::mm", "mm".
    """
    name = operator.rpartition("::")[2]
    if name in UNFUSED:
        return "math"
    if name.startswith(FUSED) or name in WITH_WINDOWS:
        return name.removeprefix(FUSED).strip("_")
    return None


def kernels_in(events: Iterable[Any]) -> Iterator[str]:
    """Name the attention kernels of a profile, without those that another one of them calls.

    Args:
        events: Of the profiler, each with its `name` and `cpu_parent`.
    """
    for event in events:
        kernel, caller = kernel_of(event.name), event.cpu_parent
        while kernel is not None and caller is not None:
            kernel = None if kernel_of(caller.name) else kernel
            caller = caller.cpu_parent
        if kernel is not None:
            yield kernel


def names_of(kernels: Iterable[str]) -> str | None:
    """Return what a row says of kernels, joined by "+"; None where attention was not fused."""
    return "+".join(sorted(set(kernels))) or None


def _takes_all(name: str, args: tuple[Any, ...], tokens: int) -> bool:
    """Tell whether an operator computes a score for every pair of so many tokens."""
    if "scaled_dot_product" in name:
        query, key = args[:2]  # (batch, heads, queries, head_dim), and as many keys
        return _tokens_of(query) >= tokens and _tokens_of(key) >= tokens
    if name in PRODUCTS:
        left, right = args[-2:]  # (batch, rows, summed), (batch, summed, columns)
        rows, summed = left.shape[-2:]
        return bool(rows >= tokens and right.shape[-1] >= tokens and summed < tokens)
    return False


def _tokens_of(heads: torch.Tensor) -> int:
    return heads.shape[-2]
