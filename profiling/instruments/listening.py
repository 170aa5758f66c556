"""Hear when a method of an object is called and when it returns, and leave no trace afterwards."""

from collections.abc import Callable
from typing import Any

# Gets "begin" or "end", and what the method was called with.
Listener = Callable[[str, tuple[Any, ...]], None]


class _HeardMethod:
    """Stands in an object's `__dict__` for one of its methods while somebody listens.

    All listeners share it, so that they may stop in any order.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self.method = getattr(owner, name)
        self.replaced = vars(owner).get(name)
        self.listeners: list[Listener] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for listener in tuple(self.listeners):
            listener("begin", args)
        result = self.method(*args, **kwargs)
        for listener in tuple(self.listeners):
            listener("end", args)
        return result


def listen(owner: Any, name: str, listener: Listener) -> Callable[[], None]:
    """Call the listener when `owner.name` is called, and when it returns.

    Returns:
        What stops it. After the last one the object is as it was before, unless somebody else
        put something in the method's place in the meantime, which then stays there.
    """
    found = vars(owner).get(name)
    heard = found if isinstance(found, _HeardMethod) else _HeardMethod(owner, name)
    vars(owner)[name] = heard
    heard.listeners.append(listener)

    def stop() -> None:
        heard.listeners.remove(listener)
        if heard.listeners or vars(owner).get(name) is not heard:
            return
        if heard.replaced is None:
            del vars(owner)[name]
        else:
            vars(owner)[name] = heard.replaced

    return stop
