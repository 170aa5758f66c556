"""One step in so many, broken down into the components of the model."""

from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any

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
        training: Whether steps have a backward pass.

    Raises:
        RuntimeError: A part of it is compiled: hooks would change what runs. Or it is on a device
            on which nobody knows when one component gives way to another. Or its backward pass
            computes the forward pass again, of which nobody knows what belongs where.
    """

    def __init__(self, module: LightningModule, manual: bool, training: bool) -> None:
        refuse_compiled(module)
        if training:
            refuse_checkpointing(module)
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
            self._clock.switched(NOBODY)  # to leave a model of many parts takes milliseconds
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
        if _is_compiled(part):
            raise RuntimeError(f"{name or 'the module'} is compiled, and hooks would change it")


def refuse_checkpointing(module: torch.nn.Module) -> None:
    """Refuse a module of which a part keeps no activations and computes them again.

    Raises:
        RuntimeError: It does so: what is computed again in the backward pass has no hooks, and
            would count to what is there by chance.
    """
    for name, part in module.named_modules():
        # By the word of transformers, and by what torch's own wrapper of a module has.
        if getattr(part, "gradient_checkpointing", False) is True or hasattr(part, "checkpoint_fn"):
            raise RuntimeError(
                f"{name or 'the module'} computes its activations again in the backward pass "
                "(gradient checkpointing), and what that takes belongs to no component"
            )


def refuse_without_moments(device: torch.device) -> None:
    """Refuse a device that tells no moments in the middle of a step.

    Raises:
        RuntimeError: It is neither a CPU nor a CUDA device.
    """
    if device.type not in KNOWS_MOMENTS:
        raise RuntimeError(
            f"a step on {device.type} cannot be broken down, only on {' and '.join(KNOWS_MOMENTS)}"
        )


def _is_compiled(part: torch.nn.Module) -> bool:
    """Tell whether a module is compiled: as a whole, by Lightning, or one of its functions."""
    return (
        isinstance(part, torch._dynamo.OptimizedModule)
        or getattr(part, "_compiled_call_impl", None) is not None
        or getattr(part, "_compiler_ctx", None) is not None
        or any(map(_is_compiled_function, _functions_of(part)))
    )


def _functions_of(part: torch.nn.Module) -> Iterator[Any]:
    """Walk through the functions that are set on a module, and those of its classes."""
    for holder in (part, *type(part).__mro__):
        values = vars(holder).values()
        yield from (value for value in values if isinstance(value, FunctionType | MethodType))


def _is_compiled_function(function: Any) -> bool:
    """Tell whether `torch.compile` made it; what `torch.compiler.disable` made looks alike."""
    made_of = getattr(function, "_torchdynamo_orig_callable", None)
    return made_of is not None and not getattr(function, "_torchdynamo_disable", False)
