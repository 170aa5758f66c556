"""Why a contender cannot compute the steps of a plan, as far as a run knows."""

from collections.abc import Iterator

from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Measured, Wanted
from profiling.advising.plans import Plan

MIB_PER_GIB = 1024


def problems_of(
    one: Measured,
    plan: Plan,
    distribution: LengthDistribution,
    wanted: Wanted,
    peak_mib: float | None,
) -> Iterator[str]:
    """Yield what stands against a contender, one clause each.

    What counts is what the steps of the plan are computed at: samples that are padded to more than
    a contender takes do not help it by being short.

    Args:
        one: The contender, which has a model.
        plan: The steps.
        distribution: Lengths of the data.
        wanted: Its budget counts.
        peak_mib: Foreseen memory of the largest step; None where unknown.
    """
    assert one.model
    for most, beyond in (
        (one.model.tokens.longest, "which it does not take"),
        (one.takes, "beyond which it ran out of memory"),
    ):
        if most is not None and max(map(max, plan.steps)) > most:
            yield _too_long(plan, distribution, most, beyond)
    yield from _too_many(one, plan)
    if wanted.budget_gib is None:
        return
    if peak_mib is None:
        yield "its memory was not measured, so the budget cannot be checked"
    elif peak_mib > wanted.budget_gib * MIB_PER_GIB:
        yield f"needs about {peak_mib / MIB_PER_GIB:.3g} GiB of {wanted.budget_gib:g}"


def _too_long(plan: Plan, distribution: LengthDistribution, most: int, beyond: str) -> str:
    share = distribution.share_beyond(most + 1)
    if share:
        unit = distribution.unit
        return f"{share:.1%} of the samples are longer than {most:,} {unit}, {beyond}"
    longest = max(map(max, plan.steps))
    return f"samples are padded to {longest:,.0f} {distribution.unit}, more than {most:,}, {beyond}"


def _too_many(one: Measured, plan: Plan) -> Iterator[str]:
    """Yield the shortest length at which a batch, no larger than one of the plan, did not fit."""
    for length, batch_size in one.too_large:
        as_long = max(sum(each >= length for each in step) for step in plan.steps)
        if as_long >= batch_size:
            yield f"a batch of {batch_size} at {length:,} did not fit into memory"
            return
