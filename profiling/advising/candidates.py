"""Every contender of a run under every policy, with what a sample of the data costs in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Measured, Wanted
from profiling.advising.data_cost import DataCost, cost_of_plan, has_masks, peak_of_plan
from profiling.advising.feasible import problems_of
from profiling.advising.plans import Plan, plan_epoch

# Implementations that compute no padding anywhere, however a batch arrives. `local_varlen` packs
# in its attention alone: all else of the model computes on padding.
PACKING = ("unpadded",)


@dataclass(frozen=True)
class Candidate:
    """One contender under one policy.

    Args:
        measured: The contender.
        plan: The batches of an epoch.
        cost: Of a sample; MiB of the largest step for the objective `memory`.
        unmasked: The same as if no step had a mask of padding.
        lacks_masks: Whether steps have masks whose cost is not in `cost`, because it is unknown.
        peak_mib: Foreseen memory of the largest step; None where unknown.
        problems: Why it cannot be used, one clause each.
    """

    measured: Measured
    plan: Plan
    cost: DataCost
    unmasked: DataCost
    lacks_masks: bool
    peak_mib: float | None
    problems: tuple[str, ...] = field(default=())

    @property
    def mean_cost(self) -> float:
        """The geometric mean over the visits."""
        return float(np.exp(np.mean(np.log(self.cost.per_sample))))

    @property
    def padding_share(self) -> float:
        """Share of the positions that hold nothing, between 0 and 1."""
        return self.plan.padding_share

    def by_visit_beside(self, other: "Candidate") -> dict[int, float]:
        """Return what a sample costs in each visit, as far as both know: masks of both or none."""
        lacking = self.lacks_masks or other.lacks_masks
        cost = self.unmasked if lacking else self.cost
        assert self.measured.model
        return dict(zip(self.measured.model.visits, cost.per_sample, strict=True))


def find_candidates(
    measured: Iterable[Measured], distribution: LengthDistribution, wanted: Wanted
) -> list[Candidate]:
    """Return every contender with a model under every policy that it can run, cheapest first.

    Of policies that cost the same the one with less padding comes first: it is no dearer in what
    was not asked for. Of those that are the same in that too the plainest one does.
    """
    policies = ["dynamic", *(["buckets"] if wanted.batch_size > 1 else []), "pad_to_maximum"]
    plans = {
        policy: plan_epoch(distribution, policy, wanted.batch_size, wanted.max_length)
        for policy in [*policies, "packed"]
    }
    found = [
        _candidate(one, plans[policy], distribution, wanted)
        for one in measured
        if one.model
        for policy in (_packed(wanted) if one.contender.implementation in PACKING else policies)
    ]
    return sorted(found, key=lambda each: (_without_rounding(each.mean_cost), each.padding_share))


def _without_rounding(cost: float) -> float:
    """Return a cost without the digits in which sums of the same numbers differ."""
    return float(f"{cost:.9g}")


def _packed(wanted: Wanted) -> list[str]:
    """Return the one policy to which all others come where padding costs nothing."""
    return ["packed"] if wanted.batch_size > 1 else ["dynamic"]


def _candidate(
    one: Measured, plan: Plan, distribution: LengthDistribution, wanted: Wanted
) -> Candidate:
    assert one.model
    peak = peak_of_plan(one.memory, plan, one.loaded) if one.memory else None
    mib = float(peak.per_sample.mean()) if peak else None
    problems = tuple(problems_of(one, plan, distribution, wanted, mib))
    if wanted.objective == "memory" and peak:
        return Candidate(one, plan, peak, peak, False, mib, problems)
    cost = unmasked = cost_of_plan(one.model, plan)
    if one.masked:
        cost = cost_of_plan(one.model, plan, one.masked)
    lacks_masks = bool(one.unknown_masks) and has_masks(one.model, plan)
    return Candidate(one, plan, cost, unmasked, lacks_masks, mib, problems)
