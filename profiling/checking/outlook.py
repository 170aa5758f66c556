"""What a check would do, and how long its parts take."""

from datamodules.counted import counted
from profiling.checking.parts import PARTS, WHOLE_S, Part, deadlines
from profiling.checking.scale import Scale
from profiling.checking.sweeping import describe
from profiling.planning.assumed_devices import START_S, AssumedDevice
from profiling.planning.grids import make_points, synthetic_facts
from profiling.planning.points import Conditions
from profiling.planning.settings import SweepSettings


def describe_check(scale: Scale, seconds: float, assumed: AssumedDevice | None) -> str:
    """Return the parts with their seconds; the sweeps with an estimate where a device is assumed.

    Args:
        scale: How large everything is.
        seconds: For the whole check.
        assumed: A device to estimate for.
    """
    lines, ends = [], deadlines(seconds)
    for part in PARTS:
        lines.append(f"until {ends[part.name]:4.0f} s  {part.name}: {part.what}{_visits(part)}")
        if part.name == "sweep":
            lines += [f"             {line}" for line in _of_sweeps(scale, assumed)]
            if assumed is not None:
                share = part.seconds / WHOLE_S * seconds
                # Each asks the device before it begins, in a process of its own.
                whole = sum(START_S + estimate_s(sweep, assumed) for sweep in scale.sweeps)
                lines.append(
                    f"             in all about {whole:.0f} s of its {share:.0f} s, an estimate "
                    f"from the figures of an assumed {assumed.name}"
                )
    lines.append("what is over its time is cut and said; what a part leaves falls to the next")
    return "\n".join(lines)


def estimate_s(settings: SweepSettings, assumed: AssumedDevice) -> float:
    """Return the seconds that a sweep would take on a device that is not here."""
    conditions = Conditions(
        size=settings.size,
        precision=settings.precision,
        device=settings.device,
        device_name=assumed.name,
        threads=1,
        allocator=settings.allocator,
        dropout=settings.dropout,
        memory_budget_gib=assumed.memory_gib,
        max_batch_size=settings.max_batch_size,
        seed=settings.seed,
    )
    data = {modality: synthetic_facts(settings, modality) for modality in settings.modalities}
    points = make_points(settings, conditions, data)
    numbers = range(settings.visits)
    return sum(assumed.visit_s(point, number) for point in points for number in numbers)


def _of_sweeps(scale: Scale, assumed: AssumedDevice | None) -> list[str]:
    if assumed is None:
        return [describe(sweep) for sweep in scale.sweeps]
    return [f"{describe(each)}: {estimate_s(each, assumed):.0f} s" for each in scale.sweeps]


def _visits(part: Part) -> str:
    return f", {counted(part.visits, 'visit')}" if part.visits > 1 else ""
