"""The peak memory of measured steps, in a training run that must not end for it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from lightning_modules.allocator import keeps_freed_memory
from profiling.instruments.going_on import GoingOn
from profiling.instruments.memory import MIB, NoPeak, PeakMemory, supports_peak

PEAKS = "peaks of memory"


class StepMemory:
    """Takes the peak of one step after the other; what fails is said once, then there is none.

    Args:
        given: Peak memory begun before the model was built, whose peak is reset in every step.
            None takes the beginning of each run, on a CPU alone.
        going_on: Says what is left out.
    """

    def __init__(self, given: PeakMemory | NoPeak | None, going_on: GoingOn) -> None:
        self._looks = given is None
        self._given = None if isinstance(given, NoPeak) else given
        self._memory = self._given
        self._going_on = going_on
        self._keeps = False

    def begin(self, module: LightningModule, optimizers: Iterable[Any] | None) -> None:
        """Begin a run.

        Args:
            module: What runs.
            optimizers: Those of a training run, which may have state already; None of predictions.
        """
        self._memory = self._given
        device = module.device.type
        if not self._looks or not supports_peak(device):
            return
        if device == "cuda":
            self._say_that_it_is_not_ours()
            return
        with self._going_on.without(PEAKS):
            # Once it keeps what it frees it does so for good, and asking makes its heap larger.
            self._keeps = self._keeps or keeps_freed_memory()
            if self._keeps:
                self._say_that_it_never_falls()
            else:
                kept = 0.0 if optimizers is None else kept_mib(module, optimizers, device)
                self._memory = PeakMemory.of_loaded(module, kept)

    def reset(self) -> None:
        """Begin a step."""
        memory, self._memory = self._memory, None
        with self._going_on.without(PEAKS):
            if memory is not None:
                memory.reset()
                self._memory = memory  # without a new peak there would be that of earlier work

    def read(self) -> float | None:
        """Return the peak since then, in MiB; None where there is none."""
        with self._going_on.without(PEAKS):
            return None if self._memory is None else self._memory.read()
        return None

    def _say_that_it_is_not_ours(self) -> None:
        """Say why there is no peak: CUDA has one for the whole process, which others may read."""
        self._going_on.say(
            PEAKS,
            f"`ProfilingCallback` leaves out {PEAKS}: each step would reset the peak that torch "
            "keeps for this process (`torch.cuda.max_memory_allocated`); if nothing else reads it, "
            'give the callback `memory=PeakMemory("cuda")`, made before the model',
        )

    def _say_that_it_never_falls(self) -> None:
        """Say why there is no peak: resident memory has that of the largest work so far."""
        self._going_on.say(
            PEAKS,
            f"`ProfilingCallback` leaves out {PEAKS}: this process keeps the memory that it "
            "frees, and each step would seem to need as much as the largest before it",
        )


def kept_mib(module: LightningModule, optimizers: Iterable[Any], device: str) -> float:
    """Return what an earlier training left on a device for this one: gradients and state, in MiB.

    A run that is resumed has the optimisers' state before it begins, a second one the gradients of
    the first one, too.
    """
    tensors = [p.grad for p in module.parameters() if p.grad is not None]
    for optimizer in optimizers:
        tensors += _tensors_in(getattr(optimizer, "state", {}))
    own = {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
    found = {id(tensor): tensor for tensor in tensors if id(tensor) not in own}
    kept = [one for one in found.values() if one.device.type == device]
    # Nobody knows the bytes of a sparse gradient, which are few.
    return sum(one.nbytes for one in kept if one.layout == torch.strided) / MIB


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """Walk through maps and lists of tensors, as the state of an optimiser is."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _tensors_in(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _tensors_in(entry)
