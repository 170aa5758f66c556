"""Which candidate to take, and how sure that is."""

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
        same_policy: What it saves over the best vanilla kernel under its policy; None where
            that one does not fit or was not measured.
        over_padded: What it saves over the best vanilla kernel with padding to the maximum.
    """

    candidate: Candidate
    same_policy: Saving | None
    over_padded: Saving | None


def judge(candidates: Sequence[Candidate], modality: str) -> list[Judged]:
    """Return every candidate beside the vanilla one, cheapest first."""
    found = {}
    for policy in dict.fromkeys(each.plan.policy for each in candidates):
        ours = [each for each in candidates if each.plan.policy == policy]
        same = _savings(ours, candidates, modality, policy)
        padded = _savings(ours, candidates, modality, PADDED)
        for each, first, second in zip(ours, same, padded, strict=True):
            found[id(each)] = Judged(each, first, second)
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
        return (efficient[0], "only_feasible") if efficient else (None, "nothing_fits")
    limit = vanilla[0].candidate.mean_cost
    for each in efficient:
        saving = each.same_policy
        if saving and saving.outcome == "win" and each.candidate.mean_cost < limit:
            return each, "saves"
    open_ones = [
        each for each in efficient if each.same_policy and each.same_policy.outcome == "tie"
    ]
    return _plainest(vanilla, modality), "cannot_tell" if open_ones else "keep_vanilla"


def _plainest(vanilla: Sequence[Judged], modality: str) -> Judged:
    """Return the cheapest one, or a default kernel that cannot be told apart from it.

    Which of two kernels is the cheaper by chance is no reason to leave the one that everybody has.

    Args:
        vanilla: Those that can be used, cheapest first.
        modality: Whose variants they are.
    """
    cheapest = vanilla[0]
    if _is_default(cheapest, modality):
        return cheapest
    known = next((each for each in vanilla if _is_default(each, modality)), None)
    if known is None:
        return cheapest
    (saving,) = find_savings([(cheapest.candidate, known.candidate)])
    is_tie = saving.ci_low is not None and saving.outcome == "tie"
    return known if is_tie else cheapest


def _is_default(judged: Judged, modality: str) -> bool:
    contender = judged.candidate.measured.contender
    return contender.kernel == find_variant(modality, contender.variant).default


def _savings(
    ours: Sequence[Candidate], candidates: Sequence[Candidate], modality: str, policy: str
) -> list[Saving | None]:
    """Return what candidates of one policy save over the best vanilla kernel under another."""
    pairs = {}
    for each in ours:
        wanted = vanilla_name(each, modality)
        theirs = [
            other
            for other in candidates
            if other.measured.contender.variant == wanted
            and not other.problems
            and other.plan.policy == ("dynamic" if policy == "packed" else policy)
        ]
        if theirs:
            pairs[id(each)] = (each, theirs[0])
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
    if judged is None:
        return True
    entry = VARIANTS[modality].get(judged.candidate.measured.contender.variant)
    return bool(entry and entry.is_vanilla)


def best_efficient(judged: Sequence[Judged], modality: str) -> Judged | None:
    """Return the cheapest efficient one."""
    return next((each for each in judged if not is_vanilla(each, modality)), None)
