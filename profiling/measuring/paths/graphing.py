"""CUDA graphs: the calls of a model are recorded once and replayed, so that no step waits for them.

Recorded is the forward pass of backbone and head, in training its backward pass too; loss and
optimiser stay calls. Input and output have fixed places, which one batch, again and again, allows.

A replay allocates nothing. What its passes compute in lies in a pool that the recording keeps for
itself: torch's allocator counts it as it is taken, while the calls are recorded, and takes it as
freed afterwards. So the peak of a replayed step lacks it, and `held_by_recordings_mib` is what is
to be added.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from lightning import LightningModule
from torch import Tensor, nn

from lightning_modules.cuda_graphs import is_recorded
from profiling.instruments.memory import MIB
from profiling.measuring.paths.capturing import WARM_UP_CALLS, captured

Forward = Callable[..., Tensor]


def graph_module(module: LightningModule) -> None:
    """Let a module replay its forward pass from the second step on, in place.

    Names of parameters stay. The first pass records; what waits for the host meanwhile (a length
    that only the device knows) cannot be recorded, and torch raises.

    Args:
        module: Freshly built, on a CUDA device.
    """
    replay = _Replay(module)
    module.forward = replay  # type: ignore[method-assign]


def eager_forward(module: nn.Module) -> Forward:
    """Return the forward pass of a module as its class has it, whatever was recorded of it."""
    forward: Forward = type(module).forward.__get__(module)
    return forward


def held_by_recordings_mib(module: nn.Module) -> float:
    """Return what the recordings of a module hold of the device beside what counts as allocated.

    In MiB; 0 where nothing was recorded.
    """
    replay = getattr(module, "forward", None)
    return replay.held_mib if isinstance(replay, _Replay) else 0.0


class _Replay:
    """Answers for a module's forward pass: one recording for every mode and set of inputs."""

    def __init__(self, module: LightningModule) -> None:
        self._forward = eager_forward(module)
        self._module = module
        self._recorded: dict[Any, Callable[..., Tensor]] = {}
        self.held_mib = 0.0

    def __call__(self, **inputs: Tensor) -> Tensor:
        names = tuple(sorted(inputs))
        tensors = tuple(inputs[name] for name in names)
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        mode = (torch.is_grad_enabled(), self._module.training, names, shapes)
        if mode not in self._recorded:
            self._recorded[mode] = self._record(names, tensors)
        return self._recorded[mode](*tensors)

    def _record(self, names: tuple[str, ...], tensors: tuple[Tensor, ...]) -> Callable[..., Tensor]:
        """Record the pass, and note what its pool holds: what was taken and counts as freed.

        A new peak begins with the first replay: that of the recording would count the pool twice.
        """
        record = record_training if torch.is_grad_enabled() else record_inference
        by_place = _ByPlace(self._module, self._forward, names)
        recorded = record(by_place, tensors)
        if torch.cuda.is_available():
            taken = by_place.peak.read() - torch.cuda.memory_allocated()
            self.held_mib += taken / MIB
            torch.cuda.reset_peak_memory_stats()
        return recorded


class _Peak:
    """The most that is allocated while the passes of a model are recorded, in bytes.

    What is there when a pass begins counts, and torch keeps gradients of the passes before the
    recording until it begins to record the backward pass. What is gone by then is taken off the
    peak of the forward pass: no replay has it.
    """

    def __init__(self) -> None:
        self._of_forward = self._after_forward = 0

    def begin_forward(self) -> None:
        """Begin anew: libraries may have tried kernels before that take more."""
        torch.cuda.reset_peak_memory_stats()

    def end_forward(self, output: Tensor) -> None:
        """Read it, and wait for the backward pass, where there is one."""
        self._of_forward = torch.cuda.max_memory_allocated()
        self._after_forward = torch.cuda.memory_allocated()
        if output.requires_grad:
            output.register_hook(self._begin_backward)

    def _begin_backward(self, gradient: Tensor) -> None:
        self._of_forward += torch.cuda.memory_allocated() - self._after_forward
        torch.cuda.reset_peak_memory_stats()

    def read(self) -> int:
        """Return that of the forward or the backward pass, whichever is higher."""
        return max(self._of_forward, torch.cuda.max_memory_allocated())


class _ByPlace(nn.Module):
    """A module that takes its inputs in order, as recording wants it.

    Attributes:
        peak: Of memory, while it is recorded.
    """

    def __init__(self, module: nn.Module, forward: Forward, names: tuple[str, ...]) -> None:
        super().__init__()
        self.module = module  # its parameters get gradients
        self._compute = forward
        self._names = names
        self.peak = _Peak()
        self.train(module.training)

    def forward(self, *tensors: Tensor) -> Tensor:
        """Compute with inputs in the order of their names."""
        inputs = dict(zip(self._names, tensors, strict=True))
        if not is_recorded():
            return self._compute(**inputs)
        self.peak.begin_forward()
        output = self._compute(**inputs)
        self.peak.end_forward(output)
        return output


def record_inference(by_place: nn.Module, tensors: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Record a forward pass without gradients; what is returned copies its inputs and replays."""
    places = tuple(tensor.clone() for tensor in tensors)
    again, output = captured(partial(by_place, *places))

    def replay(*given: Tensor) -> Tensor:
        for place, values in zip(places, given, strict=True):
            place.copy_(values)
        again()
        return cast(Tensor, output)

    return replay


def record_training(by_place: nn.Module, tensors: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Record a forward pass and the backward pass to its parameters."""
    places = tuple(tensor.clone() for tensor in tensors)
    recorded: Any = torch.cuda.make_graphed_callables(
        by_place, places, num_warmup_iters=WARM_UP_CALLS, allow_unused_input=True
    )
    compute: Callable[..., Tensor] = recorded
    return compute
