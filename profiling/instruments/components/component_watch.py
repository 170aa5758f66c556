"""Which part of a model computes at any moment of a step: forward, backward, optimiser."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Self

from torch import Tensor, nn
from torch._C import _autograd

from lightning_modules.models.components import Part
from profiling.instruments.listening import listen

OTHER = "other"


class ComponentWatch:
    """Says whenever another component begins to compute, while it is attached.

    Forward, a module counts from its call to its return, less the parts inside it. Backward, an
    operation counts to the component in which it was made: autograd numbers its operations in the
    order of the forward pass. A gradient that is added to a parameter's counts to its component.

    Args:
        parts: What the modules and functions of a model do.
        owners: The component of each parameter, by `id`.
        switched: Called with the component that computes from now on.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        owners: Mapping[int, str],
        switched: Callable[[str], None],
    ) -> None:
        self._parts = parts
        self._owners = owners
        self._switched = switched
        self._inside: list[str] = []
        self._first_numbers: list[int] = []
        self._components: list[str] = []
        self._leave_model: list[Callable[[], None]] = []
        self._leave_graph: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        """Watch a forward pass: what computes first is none of the parts."""
        for part in self._parts:
            if not part.function:
                self._attach(part.owner, part.component)
            else:
                hear = partial(self._hear, part.component)
                self._leave_model.append(listen(part.owner, part.function, hear))
        self._inside = []
        self.enter(OTHER)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no trace in the model, which may now be saved and copied."""
        _call_all(self._leave_model)

    def forget_graph(self) -> None:
        """Leave no trace in a graph that outlives its backward pass."""
        _call_all(self._leave_graph)

    def enter(self, component: str) -> None:
        """Say that a component computes until `leave`, less what is entered in between."""
        self._inside.append(component)
        self._switch(component)

    def leave(self) -> None:
        """Say that what was entered last has ended."""
        if len(self._inside) > 1:
            self._inside.pop()
            self._switch(self._inside[-1])

    def follow_backward(self, loss: Tensor) -> None:
        """Get ready for the backward pass of a loss whose forward pass was watched."""
        for node in nodes_of(loss):
            component = self._component_of(node)
            handle = node.register_prehook(partial(self._before_node, component))
            self._leave_graph.append(handle.remove)

    def _attach(self, module: nn.Module, component: str) -> None:
        def begin(*_: Any) -> None:
            self.enter(component)

        def end(*_: Any) -> None:
            self.leave()

        self._leave_model.append(module.register_forward_pre_hook(begin).remove)
        self._leave_model.append(module.register_forward_hook(end).remove)

    def _hear(self, component: str, moment: str, _: tuple[Any, ...]) -> None:
        self.enter(component) if moment == "begin" else self.leave()

    def _switch(self, component: str) -> None:
        self._first_numbers.append(_autograd._get_sequence_nr())
        self._components.append(component)
        self._switched(component)

    def _before_node(self, component: str, _: Any) -> None:
        self._switched(component)

    def _component_of(self, node: Any) -> str:
        variable = getattr(node, "variable", None)
        if variable is not None:
            return self._owners.get(id(variable), OTHER)
        place = bisect_right(self._first_numbers, node._sequence_nr()) - 1
        return self._components[place] if place >= 0 else OTHER


def _call_all(stops: list[Callable[[], None]]) -> None:
    while stops:
        stops.pop()()


def nodes_of(loss: Tensor) -> Iterator[Any]:
    """Walk through all operations that a loss came from."""
    seen: set[Any] = set()
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        waiting += [following for following, _ in node.next_functions]
