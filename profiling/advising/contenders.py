"""What a run knows of its contenders: their visits, and the models that are fitted to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lightning_modules.variant import padding_of
from lightning_modules.variants import VARIANTS
from profiling.advising.costs.cost_model import CostModel
from profiling.advising.costs.fitting import Observation, TooFewLengthsError, fit_cost_model
from profiling.advising.costs.observations import (
    Times,
    batches_that_fit,
    batches_too_large,
    loaded_of,
    longest_taken,
    peaks_of,
    times_of,
)
from profiling.advising.costs.tokens import Tokens
from profiling.advising.costs.unknown_masks import why_no_masks
from profiling.advising.newest import Newest
from profiling.analysis.points.axes import axis_of
from profiling.analysis.points.groups import Contender, Points
from profiling.analysis.points.readings import Efforts


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Args:
        objective: latency, throughput or memory.
        phase: inference or training.
        batch_size: Samples of a batch.
        max_length: Longer samples are cut to it; None cuts none.
        budget_gib: Most memory of a step; None for no limit.
        precision: In which steps were measured; None takes what was measured last.
        device: On which: cpu or cuda; None takes what was measured last.
    """

    objective: str = "latency"
    phase: str = "inference"
    batch_size: int = 1
    max_length: int | None = None
    budget_gib: float | None = None
    precision: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class Measured:
    """What is known of one contender.

    Args:
        contender: Which one.
        points: Its visits by length.
        model: Of the objective's cost; None where there are too few lengths.
        masked: The same for steps with a mask of padding; None where the run did not measure them.
        memory: Of the peak at batch size 1, in MiB; None where it was not measured.
        loaded: MiB that a step is known to need whatever its batch size.
        takes: Longest length that it took, where a longer one ran out of memory.
        too_large: (length, batch size), ascending: batches that did not fit into memory.
        fitting: The same of the largest ones that did.
        budget_gib: Memory that the run had for all of that; None where its rows do not tell.
        unknown_masks: Why nobody knows what a mask adds to its steps; empty where that is known,
            or where no step has one that counts.
        reason: Why there is no model.
        disturbed: Whether visits had to be kept that other processes disturbed: nothing is decided.
    """

    contender: Contender
    points: Points
    model: CostModel | None = None
    masked: CostModel | None = None
    memory: CostModel | None = None
    loaded: float = 0.0
    takes: int | None = None
    too_large: tuple[tuple[int, int], ...] = ()
    fitting: tuple[tuple[int, int], ...] = ()
    budget_gib: float | None = None
    unknown_masks: str = ""
    reason: str = ""
    disturbed: bool = False


def measure(newest: Newest, wanted: Wanted) -> list[Measured]:
    """Fit the models of every contender."""
    return [_measured(each, newest, wanted.objective) for each in newest.contenders]


def _measured(contender: Contender, newest: Newest, objective: str) -> Measured:
    points, efforts = newest.contenders[contender], newest.efforts
    modality = newest.group.modality
    tokens = _tokens_of(contender, modality)
    timed = objective != "memory"
    times, model = _times(points, efforts, tokens) if timed else (Times(), None)
    peaks = peaks_of(points, efforts)
    loaded = loaded_of(points, efforts, newest.group.phase)
    known = Measured(
        contender,
        points,
        # No step can need less whatever its batch size than the least one was seen to.
        loaded=min([loaded, *(each.cost for each in peaks)]),
        takes=longest_taken(points, efforts, "latency" if timed else "memory"),
        too_large=batches_too_large(points, efforts),
        fitting=batches_that_fit(points, efforts),
        budget_gib=newest.budget_gib,
        disturbed=times.disturbed,
    )
    memory = _fit_or_none(peaks, tokens, varies=False)
    try:
        model = model or fit_cost_model(times.plain if timed else peaks, tokens, varies=timed)
    except TooFewLengthsError as problem:
        return replace(known, memory=memory, reason=str(problem))
    masked = _masked(times, model)
    unknown = "" if masked or not timed else why_no_masks(contender, points, modality)
    return replace(known, model=model, masked=masked, unknown_masks=unknown, memory=memory)


def _times(points: Points, efforts: Efforts, tokens: Tokens) -> tuple[Times, CostModel | None]:
    """Return the times of undisturbed lengths with their model; of too few all times, and None."""
    calm = times_of(points, efforts, calm=True)
    model = _fit_or_none(calm.plain, tokens)
    return (calm if model else times_of(points, efforts)), model


def _masked(times: Times, model: CostModel) -> CostModel | None:
    """Fit the steps with a mask; None unless every visit of the model has some."""
    masked = _fit_or_none(times.masked, model.tokens)
    return masked if masked is not None and masked.visits == model.visits else None


def _tokens_of(contender: Contender, modality: str) -> Tokens:
    variant = VARIANTS.get(modality, {}).get(contender.variant)
    return Tokens(
        padding_of(variant.pads_to, contender.attention_window) if variant else None,
        variant.minimum_length if variant else 1,
        axis_of(modality) == "input_size",
        variant.maximum_length if variant else None,
    )


def _fit_or_none(
    observations: Sequence[Observation], tokens: Tokens, varies: bool = True
) -> CostModel | None:
    try:
        return fit_cost_model(observations, tokens, varies)
    except TooFewLengthsError:
        return None
