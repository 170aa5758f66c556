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
        (one.takes, f"beyond which it ran out of memory{_of_run(one)}"),
    ):
        if most is not None and max(map(max, plan.steps)) > most:
            yield _too_long(plan, distribution, most, beyond)
    yield from _too_many(one, plan)
    if wanted.budget_gib is None or _is_seen_to_fit(one, plan, wanted.budget_gib):
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
    """Yield the shortest length at which a batch, no larger than one of the plan, did not fit.

    What counts are the tokens that are computed on, after the contender's own padding.
    """
    assert one.model
    lengths = sorted({length for step in plan.steps for length in step})
    tokens = dict(zip(lengths, one.model.tokens.of(lengths).tolist(), strict=True))
    for length, batch_size in one.too_large:
        (least,) = one.model.tokens.of([length])
        as_long = max(sum(tokens[each] >= least for each in step) for step in plan.steps)
        if as_long >= batch_size:
            yield f"a batch of {batch_size} at {length:,} did not fit into memory{_of_run(one)}"
            return


def _of_run(one: Measured) -> str:
    """Return how much memory it was that the run had, where rows tell."""
    return f" ({one.budget_gib:g} GiB)" if one.budget_gib is not None else ""


def _is_seen_to_fit(one: Measured, plan: Plan, budget_gib: float) -> bool:
    """Tell whether every step is within a batch that ran in no more memory than the budget.

    What was seen counts more than a foreseen peak, which is rather too high.
    """
    assert one.model
    if one.budget_gib is None or one.budget_gib > budget_gib:
        return False
    lengths = [max(step) for step in plan.steps]
    ran = one.model.tokens.of([length for length, _ in one.fitting])
    return all(
        any(
            tokens <= most and len(step) <= batch_size
            for most, (_, batch_size) in zip(ran, one.fitting, strict=True)
        )
        for tokens, step in zip(one.model.tokens.of(lengths), plan.steps, strict=True)
    )
