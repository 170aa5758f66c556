"""Count what the operators of a step do, by the component that computes."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from profiling.counting.live_memory import LiveMemory
from profiling.counting.operator_flops import flops_of
from profiling.counting.point_costs import PassCosts


class StepCount(TorchDispatchMode):
    """Counts operators of tensors without values, and answers what a model asks of values.

    Such a question is answered as if there was no global attention and no layer to be left out:
    whether any are so, or one is, no; whether all are, yes, unless the batch is `padded`. A model
    therefore asks `all` of nothing but its mask of padding, and of everything else whether `any` is
    wrong. A mask as an index takes all.
    """

    padded = False

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.component = "other"
        self.pass_name = "forward"
        self.live = LiveMemory()
        self.flops = 0.0
        self.recomputed_flops = 0.0
        self._costs: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def switched(self, component: str) -> None:
        """Count what follows to a component."""
        self.component = component

    def costs_of(self, component: str, pass_name: str) -> PassCosts:
        """Return what a component did in "forward" or "backward"."""
        return PassCosts(*self._costs.get((component, pass_name), (0.0, 0.0)))

    def components(self) -> set[str]:
        """Name those that did something."""
        return {component for component, _ in self._costs}

    def add(self, flops: float, num_bytes: float, recomputed: float = 0.0) -> None:
        """Count operations, and bytes read and written, to who computes now."""
        self.flops += flops
        self.recomputed_flops += recomputed
        costs = self._costs[self.component, self.pass_name]
        costs[0] += flops
        costs[1] += num_bytes

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        output = _call(func, args, kwargs or {}, not self.padded)
        made = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        for tensor in made:
            self.live.note(tensor, self.component)
        if not func.is_view and made:
            read = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
            flops = flops_of(func.overloadpacket.__name__, args, output)
            self.add(flops.flops, sum(map(_bytes_of, read + made)), flops.recomputed)
        return output


def _call(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], answer_whether_all: bool
) -> Any:
    try:
        output = func(*args, **kwargs)
    except DataDependentOutputException:
        return _answer(args[0])
    except DynamicOutputShapeException:
        return _take_all(func, args)
    if func.overloadpacket is torch.ops.aten.all:
        output.answer = answer_whether_all
    return output


def _answer(asked: Tensor) -> Any:
    """Say of a tensor without values what is in it."""
    if asked.dtype == torch.bool:
        return getattr(asked, "answer", False)
    return 0.0 if asked.is_floating_point() else 0


def _take_all(func: Any, args: tuple[Any, ...]) -> Tensor:
    """Index as if the mask was true everywhere."""
    tensor, indices = args[:2] if func.overloadpacket is torch.ops.aten.index else (None, ())
    if tensor is None or len(indices) != 1:
        raise RuntimeError(f"what `{func}` returns depends on values, which are not there")
    mask = indices[0]
    taken: Tensor = tensor.new_empty((mask.numel(), *tensor.shape[mask.dim() :]))
    return taken


def _bytes_of(tensor: Tensor) -> int:
    """Count the bytes of a tensor; what is repeated by a stride of zero is read once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
