"""Where the time of a step goes: a run of its own, beside steps that are left alone."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from lightning_modules.models.components import COMPONENTS
from profiling.counting.point_costs import ComponentCosts
from profiling.instruments.components.broken_steps import PASSES, BrokenStep, components_of
from profiling.measuring.costs import count_costs
from profiling.measuring.device_busy import measure_device_busy
from profiling.measuring.device_peak import measure_peak_flops_per_s
from profiling.measuring.process_limits import forget, set_threads
from profiling.measuring.steps.attempts import keeps_pages
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.steps.trainer_runs import prepare_process
from profiling.planning.points import Conditions, Point
from profiling.planning.requests import Effort

# Of clean and broken steps, in two rounds of four; fewer say too little of their ratio.
LEAST_PAIRS = 4
CLOSURE = (0.9, 1.1)
# A step in which a GPU waits longer for the host is no longer than what the host does: components,
# which the host takes longer to tell apart, cannot add up to it.
HOST_BOUND_FROM = 0.1
# A machine that changes its speed between a few short steps leaves components that do not add up,
# which a second look mends; a component that is counted twice or forgotten it does not.
ATTEMPTS = 3
# The peak is measured, too.
PEAK_TOLERANCE = 1.1
# Of a component that took no time, or of which nothing was counted.
NOTHING = {
    **dict.fromkeys(("forward_ms", "backward_ms", "share"), 0.0),
    **ComponentCosts().fields(),
}
Components = Mapping[str, Mapping[str, float]]


def measure_breakdown(point: Point) -> Iterator[dict[str, Any]]:
    """Yield `components` of a point, where they close; else `components_error` says why not.

    Where they do not they are measured again, by a fresh model, before they are given up. Those of
    a compiled point are unknown: its operators are fused across components. Of a graphed one the
    parts are not called any more.

    Steps that are broken down take turns with steps that are left alone, in one process: their
    ratio is the closure.
    """
    if point.compiled or point.graphed:
        treated = "compiled" if point.compiled else "graphed"
        yield {"components": None, "components_error": f"a {treated} model has no components left"}
        return
    set_threads(point.conditions.threads)
    surroundings = Surroundings(point)
    prepare_process(point)
    costs = count_costs(point)
    yield costs.fields()
    peak = 0.0
    for _ in range(ATTEMPTS):
        clean_ms, steps = _broken_down(point, surroundings)
        peak = max(peak, _peak_flops_per_s(point.conditions))
        # A machine changes its speed: the steps may have come at a better moment than the peak.
        if fastest_flops_per_s(steps, costs.component_fields()) > peak:
            peak = max(peak, _peak_flops_per_s(point.conditions))
        found = judged(clean_ms, steps, costs.component_fields(), peak)
        if found["components_error"] is None:
            break
    if point.conditions.device == "cuda" and why_open(found.get("components_closure")):
        found["components_error"] = _blame(point, median(clean_ms), found["components_error"])
    yield found | {"peak_flops_per_s": peak}


def _blame(point: Point, clean_ms: float, problem: str) -> str:
    """Say of components that do not add up whether the host is the reason."""
    share = measure_device_busy(point, clean_ms)["host_bound_share"]
    if share is None or share < HOST_BOUND_FROM:
        return problem
    return (
        "the host needs longer to launch the step than the device to compute it "
        f"({share:.0%} of the step the device waits), and longer still to tell components apart: "
        f"{problem}"
    )


def _broken_down(point: Point, surroundings: Surroundings) -> tuple[list[float], list[BrokenStep]]:
    """Return latencies of steps that were left alone, and the steps that took turns with them."""
    # The model of an earlier attempt refers to itself.
    forget(point.conditions.device, keeps_pages(point))
    effort = Effort(
        point.effort.num_warmup_steps,
        max(2 * LEAST_PAIRS, point.effort.min_samples),
        point.effort.seconds_per_measurement,
    )
    steps: list[BrokenStep] = []
    samples = surroundings.time_steps(
        build_point(point), point, batch_of(point, 1), effort, broken=steps
    )
    return [sample.latency_ms for sample in samples], steps


def _peak_flops_per_s(conditions: Conditions) -> float:
    return measure_peak_flops_per_s(conditions.device, conditions.precision, conditions.threads)


def judged(
    clean_ms: Sequence[float],
    steps: Sequence[BrokenStep],
    costs: Mapping[str, Mapping[str, float]],
    peak_flops_per_s: float,
) -> dict[str, Any]:
    """Return the fields of a row: components that can be believed, or why they are not shown.

    Args:
        clean_ms: Latencies of steps that were left alone.
        steps: Steps that were broken down, between those.
        costs: What was counted of each component.
        peak_flops_per_s: The most that the device computes.
    """
    if not steps or not clean_ms:
        return {"components": None, "components_error": "no step could be broken down"}
    closure = closure_of(components_of(steps), median(clean_ms))
    components = _with_costs(steps, costs)
    for part in components.values():
        part["peak_share"] = _rate_of(part) / peak_flops_per_s
    problem = why_open(closure) or why_impossible(components, peak_flops_per_s)
    return {
        "components": components if problem is None else None,
        "components_closure": closure,
        "components_error": problem,
    }


def fastest_flops_per_s(
    steps: Sequence[BrokenStep], costs: Mapping[str, Mapping[str, float]]
) -> float:
    """Return the operations per second of the fastest component, 0 where no step was broken."""
    if not steps:
        return 0.0
    return max((_rate_of(part) for part in _with_costs(steps, costs).values()), default=0.0)


def _with_costs(
    steps: Sequence[BrokenStep], costs: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    times = components_of(steps)
    return {
        name: {**NOTHING, **times.get(name, {}), **costs.get(name, {})}
        for name in COMPONENTS
        if name in times or name in costs
    }


def closure_of(components: Components, clean_ms: float) -> float:
    """Return the sum of the components' times over the time of a step that was left alone."""
    return sum(part[f"{name}_ms"] for part in components.values() for name in PASSES) / clean_ms


def why_open(closure: float | None) -> str | None:
    """Say why components do not add up to the step; None where they do, or where there are none."""
    low, high = CLOSURE
    if closure is None or low <= closure <= high:
        return None
    return (
        f"the components add up to {closure:.0%} of a step that was left alone, "
        f"not {low:.0%} to {high:.0%}"
    )


def why_impossible(components: Components, peak_flops_per_s: float) -> str | None:
    """Say which component computes more than the device can; None where none does."""
    for name, part in components.items():
        if part["peak_share"] > PEAK_TOLERANCE:
            return (
                f"{name} would compute {_rate_of(part) / 1e9:,.0f} GFLOP/s, and this device "
                f"computes at most {peak_flops_per_s / 1e9:,.0f}"
            )
    return None


def _rate_of(part: Mapping[str, float]) -> float:
    """Return operations per second; none of what took no time."""
    seconds = sum(part[f"{name}_ms"] for name in PASSES) / 1e3
    return part["flops"] / seconds if seconds else 0.0
