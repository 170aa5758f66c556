"""Which candidate to take, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_modules.variants import VARIANTS, find_variant, vanilla_of
from profiling.advising.candidates import Candidate
from profiling.advising.savings import Saving, find_savings

PADDED = "pad_to_maximum"


@dataclass(frozen=True)
class Judged:
    """A candidate beside the vanilla one.

    Args:
        candidate: What is judged.
        vanilla: The vanilla kernel under its policy over which it saves least: of the variant that
            it is compared with, or of another one where that does not fit or was not measured.
            None where none is left.
        same_policy: What it saves over that.
        over_padded: The same with padding to the maximum for the vanilla one.
    """

    candidate: Candidate
    vanilla: Candidate | None
    same_policy: Saving | None
    over_padded: Saving | None


def judge(candidates: Sequence[Candidate], modality: str) -> list[Judged]:
    """Return every candidate beside the vanilla one, cheapest first."""
    found = {}
    for policy in dict.fromkeys(each.plan.policy for each in candidates):
        ours = [each for each in candidates if each.plan.policy == policy]
        opponents = [_opponent(each, candidates, modality, policy) for each in ours]
        same = _savings(ours, opponents)
        padded = _savings(ours, [_opponent(each, candidates, modality, PADDED) for each in ours])
        for one in map(Judged, ours, opponents, same, padded):
            found[id(one.candidate)] = one
    return [found[id(each)] for each in candidates]


def choose(judged: Sequence[Judged], modality: str) -> tuple[Judged | None, str]:
    """Return what to take, and how sure that is.

    Returns:
        The recommendation (None where nothing can be used) and `saves`, `only_feasible`,
        `cannot_tell`, `keep_vanilla` or `nothing_fits`.
    """
    usable = [each for each in judged if not each.candidate.problems]
    vanilla = [each for each in usable if is_vanilla(each, modality)]
    efficient = [each for each in usable if not is_vanilla(each, modality)]
    if not vanilla:
        return (_cheapest(efficient), "only_feasible") if efficient else (None, "nothing_fits")
    outcomes = _outcomes(efficient, [each.candidate for each in vanilla])
    told = zip(efficient, outcomes, strict=True)
    if winners := [each for each, outcome in told if outcome == "win"]:
        return _cheapest(winners), "saves"
    return _plainest(vanilla, modality), "cannot_tell" if "tie" in outcomes else "keep_vanilla"


def _cheapest(judged: Sequence[Judged]) -> Judged:
    """Return the first of them, or the one that costs least of those that cost less than it.

    That one stands behind it where masks of padding, which both know, do not count in the order.
    """
    return min(judged, key=lambda each: each.candidate.cost_over(judged[0].candidate))


def _outcomes(efficient: Sequence[Judged], vanilla: Sequence[Candidate]) -> list[str]:
    """Return win, tie or lose against the vanilla one that each is compared with and its rivals.

    Who saves over its own vanilla one alone would be taken though another one may cost less.

    Args:
        efficient: Those that can be used.
        vanilla: The same, cheapest first.
    """
    over_rivals: dict[int, list[Saving]] = {}
    # Policies apart: under two of them a contender has the same noise, which it cannot lend itself.
    for policy in dict.fromkeys(each.candidate.plan.policy for each in efficient):
        ours = [each.candidate for each in efficient if each.candidate.plan.policy == policy]
        for rivals in zip(*(_rivals_of(each, vanilla) for each in ours), strict=True):
            savings = find_savings([*zip(ours, rivals, strict=True)])
            for each, saving in zip(ours, savings, strict=True):
                over_rivals.setdefault(id(each), []).append(saving)
    return [_outcome(each, over_rivals[id(each.candidate)]) for each in efficient]


def _rivals_of(one: Candidate, vanilla: Sequence[Candidate]) -> tuple[Candidate, Candidate]:
    """Return the vanilla one over which one saves least, and the one over which it may do so.

    The second one is the first one, or one whose cost is only known at most.
    """
    surely = min(vanilla, key=lambda each: each.cost_over(one))
    maybe = min(
        vanilla,
        key=lambda each: each.cost_over(one) * math.exp(-each.cost_beside(one).overstated),
    ).measured
    # Under every policy it may cost about as little: rounding must not choose among them.
    return surely, next(each for each in vanilla if each.measured is maybe)


def _outcome(judged: Judged, over_rivals: Sequence[Saving]) -> str:
    told = {each.outcome for each in (judged.same_policy, *over_rivals) if each}
    return "lose" if "lose" in told else "tie" if "tie" in told else "win"


def _plainest(vanilla: Sequence[Judged], modality: str) -> Judged:
    """Return the cheapest one, or a default kernel that cannot be told apart from it.

    Which of two kernels is the cheaper by chance is no reason to leave the one that everybody has.

    Args:
        vanilla: Those that can be used, cheapest first.
        modality: Whose variants they are.
    """
    cheapest = _cheapest(vanilla)
    known = [each for each in vanilla if _is_default(each, modality)]
    if _is_default(cheapest, modality) or not known:
        return cheapest
    default = min(known, key=lambda each: each.candidate.cost_over(cheapest.candidate))
    (saving,) = find_savings([(cheapest.candidate, default.candidate)])
    is_cheaper = saving.ci_low is None or saving.outcome == "win"
    return cheapest if is_cheaper else default


def _is_default(judged: Judged, modality: str) -> bool:
    contender = judged.candidate.measured.contender
    return contender.kernel == find_variant(modality, contender.variant).default


def _opponent(
    candidate: Candidate, candidates: Sequence[Candidate], modality: str, policy: str
) -> Candidate | None:
    """Return the vanilla candidate under a policy that one is compared with, if any can be used."""
    usable = [each for each in candidates if each.plan.policy == policy and not each.problems]
    wanted = vanilla_name(candidate, modality)
    vanilla = [each for each in usable if each.measured.contender.variant == wanted]
    if not vanilla and not _is_vanilla(candidate, modality):
        vanilla = [each for each in usable if _is_vanilla(each, modality)]
    return min(vanilla, key=lambda each: each.cost_over(candidate), default=None)


def _savings(
    ours: Sequence[Candidate], opponents: Sequence[Candidate | None]
) -> list[Saving | None]:
    """Return what candidates save over their opponents; None where one has none."""
    pairs = {id(each): (each, other) for each, other in zip(ours, opponents, strict=True) if other}
    real = {name: pair for name, pair in pairs.items() if pair[0] is not pair[1]}
    found: dict[int, Saving] = dict.fromkeys(pairs, Saving(0.0, 0.0, 0.0))
    found |= dict(zip(real, find_savings([*real.values()]), strict=True))
    return [found.get(id(each)) for each in ours]


def vanilla_name(candidate: Candidate, modality: str) -> str:
    """Return the variant that a candidate is compared with; of a vanilla one itself."""
    variant = candidate.measured.contender.variant
    entry = VARIANTS[modality].get(variant)
    if entry is None or entry.is_vanilla:
        return variant if entry else vanilla_of(modality)
    return vanilla_of(modality, variant)


def is_vanilla(judged: Judged | None, modality: str) -> bool:
    """Tell whether it is a vanilla one, or nothing."""
    return judged is None or _is_vanilla(judged.candidate, modality)


def _is_vanilla(candidate: Candidate, modality: str) -> bool:
    entry = VARIANTS[modality].get(candidate.measured.contender.variant)
    return bool(entry and entry.is_vanilla)


def best_efficient(judged: Sequence[Judged], modality: str) -> Judged | None:
    """Return the cheapest efficient one that can be used, if any can."""
    usable = (each for each in judged if not each.candidate.problems)
    return next((each for each in usable if not is_vanilla(each, modality)), None)


def compared_with(judged: Sequence[Judged], modality: str) -> list[str]:
    """Say of which vanilla variant savings are, where a reader would think of another one."""
    found: dict[str, None] = {}
    for each in judged:
        name = each.candidate.measured.contender.variant
        other = each.vanilla.measured.contender.variant if each.vanilla else name
        usual = vanilla_name(each.candidate, modality)
        if not is_vanilla(each, modality) and {other, usual} != {vanilla_of(modality)}:
            found[f"what {name} saves is meant over {other}"] = None
    return [*found]
