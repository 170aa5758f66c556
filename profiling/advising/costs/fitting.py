"""Fit the cost of steps to what was measured.

Source of the fit: Lawson and Hanson, non-negative least squares, as `scipy.optimize.nnls` has it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from profiling.advising.costs.bends import Bends, factors_at, find_bends
from profiling.advising.costs.cost_model import CostModel, terms_of
from profiling.advising.costs.tokens import Tokens
from profiling.analysis.points.readings import MIN_VISITS
from profiling.analysis.statistics.intervals import Array

MIN_LENGTHS = 3  # as many as the powers of the length have parts


class TooFewLengthsError(ValueError):
    """A fit through these lengths would be a guess; the text says how many there are."""


@dataclass(frozen=True)
class Observation:
    """One measured cost: milliseconds of a step, or MiB.

    Args:
        visit: In which visit.
        length: On the modality's axis.
        batch_size: Samples of the step.
        cost: More than zero.
    """

    visit: int
    length: int
    batch_size: int
    cost: float


Parts = Mapping[int, Sequence[Observation]]
"""What was measured in each visit."""


def fit_cost_model(
    observations: Sequence[Observation], tokens: Tokens, varies: bool = True
) -> CostModel:
    """Fit every visit that reaches far enough for itself, and all of them together.

    Args:
        observations: Of one contender and one unit.
        tokens: How its lengths become tokens.
        varies: Whether the cost varies from visit to visit, as times do. Memory hardly does, so the
            model goes through what was measured: memory need not grow as a sum of powers. What is
            computed in pieces of a fixed size grows more slowly from the first full piece on.

    Raises:
        TooFewLengthsError: No visit has at least three lengths that differ after padding, or before
            where all are padded to one.
    """
    visits = sorted({each.visit for each in observations})
    split = {visit: [each for each in observations if each.visit == visit] for visit in visits}
    enough = {v: part for v, part in split.items() if _num_lengths(part, tokens) >= MIN_LENGTHS}
    if not enough:
        most = max((_num_lengths(part, tokens) for part in split.values()), default=0)
        raise TooFewLengthsError(f"a cost model needs {MIN_LENGTHS} lengths in a visit, got {most}")
    whole = _reaching(enough)
    used = [each for part in whole.values() for each in part]
    lengths = sorted({each.length for each in used})
    shortest, longest = _common_ends([*whole.values()])
    fits = [_fit(part, tokens) for part in whole.values()]
    bends = [_bends(part, tokens, fit) for part, fit in zip(whole.values(), fits, strict=True)]
    return CostModel(
        visits=tuple(whole),
        coefficients=np.stack(fits),
        pooled=_fit(used, tokens),
        tokens=tokens,
        shortest=shortest,
        longest=longest,
        batch_ranges=tuple((length, *_batch_range(used, length)) for length in lengths),
        holdout_error=_holdout_error(used, tokens, varies),
        bends=() if varies else tuple(bends),
    )


def _reaching(visits: Parts) -> Parts:
    """Return the visits from the shortest to the longest length that two of them have.

    A sweep that chooses its lengths comes back to those around a crossing alone: what a fit to
    them says of all other lengths would be chance. Where fewer than two visits reach that far, all
    are returned, and no length counts as measured that is not between the ends of each.
    """
    times = Counter(length for part in visits.values() for length in {e.length for e in part})
    shared = [length for length, count in times.items() if count >= MIN_VISITS]
    if not shared:
        return visits
    found = {
        visit: part
        for visit, part in visits.items()
        if _ends(part)[0] <= min(shared) and _ends(part)[1] >= max(shared)
    }
    return found if len(found) >= MIN_VISITS else visits


def _common_ends(visits: Sequence[Sequence[Observation]]) -> tuple[int, int]:
    """Return the ends of the lengths between the ends of every visit, ascending."""
    ends = [_ends(part) for part in visits]
    found = sorted((max(first for first, _ in ends), min(last for _, last in ends)))
    return found[0], found[1]


def _ends(observations: Sequence[Observation]) -> tuple[int, int]:
    lengths = [each.length for each in observations]
    return min(lengths), max(lengths)


def _batch_range(observations: Sequence[Observation], length: int) -> tuple[int, int]:
    sizes = [each.batch_size for each in observations if each.length == length]
    return min(sizes), max(sizes)


def _fit(observations: Sequence[Observation], tokens: Tokens) -> Array:
    """Return the coefficients with the least sum of squared relative errors."""
    batch_sizes = np.array([each.batch_size for each in observations], dtype=np.float64)
    costs = np.array([each.cost for each in observations])
    terms = terms_of(tokens.of([each.length for each in observations]), batch_sizes)
    relative = terms / costs[:, None]
    if len(set(batch_sizes)) == 1:
        relative[:, 0] = 0.0  # one batch size cannot tell the first two parts: all is per sample
    scale = np.maximum(np.abs(relative).max(axis=0), np.finfo(float).tiny)
    solution, _ = nnls(relative / scale, np.ones(len(costs)))
    return np.asarray(solution / scale)


def _bends(observations: Sequence[Observation], tokens: Tokens, fitted: Array) -> Bends:
    lengths = [each.length for each in observations]
    return find_bends(lengths, 1 / _foreseen(observations, tokens, fitted), tokens)


def _foreseen(observations: Sequence[Observation], tokens: Tokens, fitted: Array) -> Array:
    """Return what the coefficients of a fit say, over what was measured."""
    batch_sizes = np.array([each.batch_size for each in observations], dtype=np.float64)
    terms = terms_of(tokens.of([each.length for each in observations]), batch_sizes)
    return np.asarray(terms @ fitted / np.array([each.cost for each in observations]))


def _holdout_error(observations: Sequence[Observation], tokens: Tokens, varies: bool) -> float:
    """Return the median error of foreseeing what is padded to one length from all others."""
    places = _places(observations, tokens)
    inner = sorted(set(places))[1:-1]
    errors = []
    for place in inner:
        others = [each for each, at in zip(observations, places, strict=True) if at != place]
        out = [each for each, at in zip(observations, places, strict=True) if at == place]
        fitted = _fit(others, tokens)
        bends = () if varies else _bends(others, tokens, fitted)
        factors = factors_at(bends, tokens, tokens.of([each.length for each in out]))
        ratios = factors * _foreseen(out, tokens, fitted)
        errors.append(float(np.abs(np.mean(ratios) - 1.0)))
    return float(np.median(errors))


def _num_lengths(observations: Sequence[Observation], tokens: Tokens) -> int:
    """Count the lengths that differ after padding, or before where all are padded to one."""
    return len(set(_places(observations, tokens)))


def _places(observations: Sequence[Observation], tokens: Tokens) -> list[float]:
    """Return where each was measured: its tokens, or its length where all are padded to one.

    A length is foreseen from others as one that nobody measured: with another one left that is
    padded to the same tokens, its own cost would foresee it.
    """
    lengths = [float(each.length) for each in observations]
    return lengths if tokens.is_flat else [float(number) for number in tokens.of(lengths)]
