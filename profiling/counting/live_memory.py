"""Which tensors live at any moment of a step, and who made them."""

import weakref
from collections import defaultdict
from dataclasses import dataclass

from torch import Tensor


@dataclass
class Held:
    """Memory that a component made.

    Args:
        component: Who made it.
        bytes: How much.
    """

    component: str
    bytes: int


class LiveMemory:
    """Follows the memory behind tensors from when it is made to when nobody holds it any more.

    Views share the memory of what they look at, which counts once. What an operator takes and gives
    back within itself is not seen.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._held: list[Held] = []
        self._moments: list[tuple[int, bool]] = []  # the number of what was made, or freed
        self._numbers: dict[int, int | None] = {}
        self._references: dict[int, weakref.ref[object]] = {}
        self._clearing = 0
        self._gradients: set[int] = set()

    def leave_out(self, tensor: Tensor) -> None:
        """Know memory that was there before the step: weights, and the batch."""
        self._know(tensor, None)

    def note(self, tensor: Tensor, component: str) -> None:
        """Take note of what an operator returned: it is new, or a view of what is known."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._numbers:
            self._know(tensor, self._hold(component, storage.nbytes()))

    def note_always(self, component: str, num_bytes: int) -> None:
        """Take note of what lives through the whole step."""
        number = self._hold(component, num_bytes)
        self._moments.remove((number, True))
        self._moments.insert(0, (number, True))
        self._clearing += 1

    def begin_clearing(self) -> None:
        """Say that the gradients of the step before are given back now."""
        self._clearing = len(self._moments)

    def note_gradient(self, gradient: Tensor, component: str) -> None:
        """Say whose a gradient is; the one of the step before lived until gradients were cleared.

        Call it when the backward pass has ended.
        """
        number = self._numbers[gradient.untyped_storage()._cdata]
        if number is None or number in self._gradients:
            return  # part of what was noted already
        self._gradients.add(number)
        self._held[number].component = component
        earlier = len(self._held)
        self._held.append(Held(component, self._held[number].bytes))
        self._moments.insert(self._clearing, (earlier, False))
        self._moments.insert(0, (earlier, True))
        self._clearing += 1

    def at_peak(self) -> dict[str, int]:
        """Return the bytes of every component at the moment at which most is alive."""
        live = most = peak = 0
        for moment, (number, is_made) in enumerate(self._moments):
            live += self._held[number].bytes * (1 if is_made else -1)
            if live > most:
                most, peak = live, moment + 1
        found: dict[str, int] = defaultdict(int)
        for number, is_made in self._moments[:peak]:
            held = self._held[number]
            found[held.component] += held.bytes * (1 if is_made else -1)
        return {component: size for component, size in found.items() if size}

    def peak_bytes(self) -> int:
        """Return the most that is alive at once, whoever made it."""
        live = most = 0
        for number, is_made in self._moments:
            live += self._held[number].bytes * (1 if is_made else -1)
            most = max(most, live)
        return most

    def _hold(self, component: str, num_bytes: int) -> int:
        self._held.append(Held(component, num_bytes))
        self._moments.append((len(self._held) - 1, True))
        return len(self._held) - 1

    def _know(self, tensor: Tensor, number: int | None) -> None:
        storage = tensor.untyped_storage()
        place = storage._cdata

        def free(_: object) -> None:
            del self._numbers[place], self._references[place]
            if number is not None:
                self._moments.append((number, False))

        self._numbers[place] = number
        self._references[place] = weakref.ref(storage, free)
