"""The parts of a check, in their order, and the share of its time that each may take."""

from dataclasses import dataclass

from profiling.checking.scale import Scale


@dataclass(frozen=True)
class Part:
    """One part of a check.

    Args:
        name: Of its rows, in `checks.jsonl`.
        seconds: Of the 480 that a whole check takes; what it leaves falls to those behind it.
        what: In a few words.
        function: Called in a child, as "module:name"; empty: the check does it itself.
        visits: How often it is called, each time in a child of its own.
    """

    name: str
    seconds: float
    what: str
    function: str = ""
    visits: int = 1


ON_DEVICE = "profiling.checking.on_device"
PARTS = (
    Part("card", 30, "card, versions, ceilings, fused kernels", f"{ON_DEVICE}.card:look"),
    Part("tests", 55, "the tests that need a GPU, by file"),
    Part("exactness", 25, "kernels and models against oracles", f"{ON_DEVICE}.exactness:prove"),
    Part("kernels", 90, "attention kernels, wall and device time", f"{ON_DEVICE}.kernels:time"),
    Part("sweep", 210, "sweep, its report and figures"),
    Part("replay", 45, "HuBERT against L-HuBERT as CUDA graphs", f"{ON_DEVICE}.replay:race", 3),
    Part("recording", 15, "an hour of audio in one pass", f"{ON_DEVICE}.recording:encode"),
    Part("archive", 10, "summary, figures, one archive"),
)
WHOLE_S = sum(part.seconds for part in PARTS)


@dataclass(frozen=True)
class DeviceTask:
    """What a part in a child is told.

    Args:
        scale: How large everything is.
        visit: Which one, counted from 0.
        seconds: When to stop beginning cases.
        only: Names of the cases that an earlier child left; empty: all.
    """

    scale: Scale
    visit: int
    seconds: float
    only: frozenset[str] = frozenset()


def deadlines(seconds: float) -> dict[str, float]:
    """Return when each part must end, in seconds from the beginning of the check."""
    ends, end = {}, 0.0
    for part in PARTS:
        end += part.seconds / WHOLE_S * seconds
        ends[part.name] = end
    return ends
