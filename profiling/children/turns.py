"""Children that are compared, measured side by side: one works, the others wait asleep.

Whatever changes on a machine in the course of seconds then hits all of them alike. Measured one
after the other, two models were seconds apart, and on a busy host that was most of the noise of
their ratio.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from profiling.children.child import Child
from profiling.children.outcome import Outcome


def take_turns(starts: Sequence[Callable[[], Child]], room_gib: float) -> list[Outcome]:
    """Let children work in turns until all have ended; return how, in their order.

    Those that wait may together hold `room_gib`. Where they would hold more, fewer are measured
    side by side, and the others after them.

    Args:
        starts: Make the children.
        room_gib: Memory of the device that no measurement may count on.

    Raises:
        SettingsError: A child found something that the user must change.
    """
    outcomes: dict[int, Outcome] = {}
    later = deque(range(len(starts)))
    while later:
        _some_in_turns(starts, later, room_gib, outcomes)
    return [outcomes[number] for number in range(len(starts))]


def _some_in_turns(
    starts: Sequence[Callable[[], Child]],
    later: deque[int],
    room_gib: float,
    outcomes: dict[int, Outcome],
) -> None:
    """Begin as many of `later` as there is room for, and let those come to their ends."""
    alive: dict[int, Child] = {}

    def work(number: int) -> None:
        outcome = alive[number].work()
        if outcome is not None:
            alive.pop(number).close()
            outcomes[number] = outcome.checked()

    try:
        while later and (not alive or _held_gib(alive.values()) <= room_gib):
            number = later.popleft()
            alive[number] = starts[number]()
            work(number)
        while alive:
            for number in list(alive):
                if number in alive:
                    later.extendleft(_put_off(alive, number, room_gib))
                    work(number)
    finally:
        for child in alive.values():
            child.close()


def _put_off(alive: dict[int, Child], working: int, room_gib: float) -> list[int]:
    """End the youngest that wait until there is room for the one that works; return which.

    They begin anew afterwards: a measurement that grew into their memory would be the death of
    one of them.
    """
    ended = []
    others = [number for number in alive if number != working]
    while others and _held_gib(alive[number] for number in others) > room_gib:
        ended.append(others.pop())
        alive.pop(ended[-1]).close()
    return ended


def _held_gib(children: Iterable[Child]) -> float:
    return sum(child.held_gib for child in children)
