"""One step in so many, broken down into the components of the model."""

import torch
from lightning import LightningModule
from torch import Tensor

from lightning_modules.models.base import VariantModule
from lightning_modules.models.components import (
    Part,
    find_parts,
    parameters_by_component,
)
from profiling.instruments.clock import KNOWS_MOMENTS
from profiling.instruments.components.component_clock import NOBODY, ComponentClock
from profiling.instruments.components.component_watch import OTHER, ComponentWatch

OPTIMISER = "optimiser"


class Breakdown:
    """Breaks steps of one module down: call `mark` with the moments of `StepParts`.

    The module has hooks from the "begin" to the "end" of a step, and no trace of them afterwards.

    Args:
        module: Tells its `parts()`, or is or holds an encoder of transformers.
        manual: Whether it optimises by hand.

    Raises:
        RuntimeError: A part of it is compiled: hooks would change what runs. Or it is on a device
            on which nobody knows when one component gives way to another.
    """

    def __init__(self, module: LightningModule, manual: bool) -> None:
        refuse_compiled(module)
        refuse_without_moments(module.device)
        self._device = module.device
        self._manual = manual
        self._parts = parts_of(module)
        self._owners = parameters_by_component(self._parts, module)
        self._watch: ComponentWatch | None = None
        self._clock = ComponentClock(self._device)

    def mark(self, moment: str) -> None:
        """Take note of a moment of the step; the first "begin" begins it."""
        if moment == "begin":
            self._begin()
        if self._watch is None:
            return
        if moment == "end":
            self._watch.__exit__()
        if moment == "backward_end":
            self._clock.begin_pass("forward")
        after_backward = OTHER if self._manual else OPTIMISER
        follows = {
            "end": after_backward,
            "backward_end": after_backward,
            "stepping": OPTIMISER,
            "stepped": OTHER,
        }
        if moment in follows:
            self._clock.switched(follows[moment])

    def follow_backward(self, loss: Tensor) -> None:
        """Get ready for a backward pass, which begins now."""
        if self._watch is None:
            return
        self._clock.switched(NOBODY)
        self._watch.follow_backward(loss)
        self._clock.begin_pass("backward")
        self._clock.switched(OTHER)

    def finish(self) -> dict[tuple[str, str], float] | None:
        """End the step at its last moment; return its milliseconds, None where it never began."""
        if self._watch is None:
            return None
        self._watch.__exit__()
        self._watch.forget_graph()
        self._watch = None
        return self._clock.milliseconds()

    def _begin(self) -> None:
        if self._watch is None:
            if self._device.type == "cuda":
                torch.cuda.synchronize()
            self._clock = ComponentClock(self._device)
            self._watch = ComponentWatch(self._parts, self._owners, self._clock.switched)
        self._watch.__enter__()


def parts_of(module: torch.nn.Module) -> list[Part]:
    """Return what a variant says of its parts, or what can be found out about others."""
    return module.parts() if isinstance(module, VariantModule) else find_parts(module)


def refuse_compiled(module: torch.nn.Module) -> None:
    """Refuse a module of which a part is compiled.

    Raises:
        RuntimeError: It is: hooks would change what runs.
    """
    for name, part in module.named_modules():
        compiled = isinstance(part, torch._dynamo.OptimizedModule)
        if compiled or getattr(part, "_compiled_call_impl", None) is not None:
            raise RuntimeError(f"{name or 'the module'} is compiled, and hooks would change it")


def refuse_without_moments(device: torch.device) -> None:
    """Refuse a device that tells no moments in the middle of a step.

    Raises:
        RuntimeError: It is neither a CPU nor a CUDA device.
    """
    if device.type not in KNOWS_MOMENTS:
        raise RuntimeError(
            f"a step on {device.type} cannot be broken down, only on {' and '.join(KNOWS_MOMENTS)}"
        )
