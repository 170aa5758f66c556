"""Every contender of a run under every policy, with what a sample of the data costs in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from datamodules.lengths import LengthDistribution
from profiling.advising.contenders import Measured, Wanted
from profiling.advising.data_cost import DataCost, has_masks, memory_of, packs_in_layers, time_of
from profiling.advising.feasible import problems_of
from profiling.advising.plans import Plan, plan_epoch


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
        return self.cost.mean

    @property
    def padding_share(self) -> float:
        """Share of the positions that hold nothing, between 0 and 1."""
        return self.plan.padding_share

    def cost_beside(self, other: "Candidate") -> DataCost:
        """Return its cost as far as both know what masks add: with those of both or of none."""
        return self.unmasked if self.lacks_masks or other.lacks_masks else self.cost

    def cost_over(self, other: "Candidate") -> float:
        """Return its mean cost over that of another one, as far as both know it."""
        return _without_rounding(self.cost_beside(other).mean / other.cost_beside(self).mean)

    def by_visit_beside(self, other: "Candidate") -> dict[int, float]:
        """Return what a sample costs in each visit, as far as both know it."""
        assert self.measured.model
        costs = self.cost_beside(other).per_sample
        return dict(zip(self.measured.model.visits, costs, strict=True))


def find_candidates(
    measured: Iterable[Measured], distribution: LengthDistribution, wanted: Wanted
) -> list[Candidate]:
    """Return every contender with a model under every policy that it can run, cheapest first.

    Where one that can be used does not know what masks of padding add, masks count for none in this
    order; which of two costs less, `cost_over` tells. Of policies that cost the same the one with
    less padding comes first: it is no dearer in what was not asked for. Of those that are the same
    in that too the plainest one does.
    """
    able = [one for one in measured if one.model]
    plans = _plans(distribution, wanted)
    packed: Mapping[str, Plan] = {}
    if any(map(packs_in_layers, able)):
        packed = _plans(distribution, wanted, packs=True)
    found = [
        _candidate(one, plan, packed.get(policy) if packs else None, distribution, wanted)
        for one in able
        for packs in [packs_in_layers(one)]
        for policy, plan in plans.items()
    ]
    lacking = any(each.lacks_masks and not each.problems for each in found)

    def place(each: Candidate) -> tuple[float, float]:
        cost = each.unmasked if lacking else each.cost
        return _without_rounding(cost.mean), each.padding_share

    return sorted(found, key=place)


def _without_rounding(cost: float) -> float:
    """Return a cost without the digits in which sums of the same numbers differ."""
    return float(f"{cost:.9g}")


def _plans(
    distribution: LengthDistribution, wanted: Wanted, packs: bool = False
) -> Mapping[str, Plan]:
    """Return the steps under each policy; with `packs` each sample at its own length."""
    policies = ["dynamic", *(["buckets"] if wanted.batch_size > 1 else []), "pad_to_maximum"]
    return {
        policy: plan_epoch(distribution, policy, wanted.batch_size, wanted.max_length, packs)
        for policy in policies
    }


def _candidate(
    one: Measured,
    plan: Plan,
    packed: Plan | None,
    distribution: LengthDistribution,
    wanted: Wanted,
) -> Candidate:
    assert one.model
    peak = memory_of(one, plan, packed)
    mib = float(peak.per_sample.mean()) if peak else None
    problems = tuple(problems_of(one, plan, distribution, wanted, mib))
    if wanted.objective == "memory" and peak:
        return Candidate(one, plan, peak, peak, False, mib, problems)
    cost = unmasked = time_of(one, plan, packed)
    if one.masked:
        cost = time_of(one, plan, packed, one.masked)
    lacks_masks = bool(one.unknown_masks) and has_masks(one.model, plan)
    return Candidate(one, plan, cost, unmasked, lacks_masks, mib, problems)
