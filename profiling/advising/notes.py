"""What a reader must know beside the numbers of an advice."""

from collections.abc import Sequence

from datamodules.counted import counted_of
from datamodules.lengths import LengthDistribution
from lightning_modules.variants import VARIANTS
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Measured, Wanted
from profiling.advising.data_cost import has_masks
from profiling.analysis.answers.judging import ONE_VISIT


def notes_of(
    chosen: Candidate | None,
    measured: Sequence[Measured],
    candidates: Sequence[Candidate],
    distribution: LengthDistribution,
    wanted: Wanted,
) -> list[str]:
    """Return one sentence per caution, the most important first.

    Args:
        chosen: What is recommended; None for nothing.
        measured: All contenders.
        candidates: Those that have a model, under every policy.
        distribution: Lengths at which the data are computed.
        wanted: What was asked for.
    """
    notes = _of_lengths(chosen, distribution) + _of_the_draw(distribution, wanted)
    notes += _of_masks(chosen, candidates) + _of_packing(candidates, wanted)
    notes += _of_memory(chosen, wanted)
    if chosen:
        notes += _of_batches(chosen, wanted) + _of_variant(chosen, distribution.modality)
    notes += [
        f"{each.contender.label} is left out: {each.reason}" for each in measured if each.reason
    ]
    disturbed = [each.contender.label for each in measured if each.disturbed]
    if disturbed:
        notes.append(
            f"other processes disturbed the visits of {', '.join(disturbed)}: measure again"
        )
    return notes


def _of_lengths(chosen: Candidate | None, distribution: LengthDistribution) -> list[str]:
    if chosen is None or chosen.measured.model is None:
        return []
    notes, model = [], chosen.measured.model
    beyond = distribution.share_beyond(model.longest + 1)
    if chosen.cost.extrapolated_share > 0:
        notes.append(
            f"extrapolated: {chosen.cost.extrapolated_share:.0%} of the cost lies beside the "
            f"lengths that were measured often enough, {model.shortest:,} to {model.longest:,} "
            f"{distribution.unit}{_with_masks(chosen.measured)}; "
            f"{beyond:.1%} of the samples are longer"
        )
    if chosen.plan.num_cut:
        notes.append(
            counted_of(chosen.plan.num_cut, distribution.count, "sample", "is", "are")
            + " cut to `max_length`"
        )
    return notes


def _with_masks(measured: Measured) -> str:
    """Say between which lengths steps with a mask were measured, where those are others."""
    model, masked = measured.model, measured.masked
    if model is None or masked is None:
        return ""
    ends = masked.shortest, masked.longest
    if ends == (model.shortest, model.longest):
        return ""
    return f", with a mask of padding {ends[0]:,} to {ends[1]:,}"


def _of_the_draw(distribution: LengthDistribution, wanted: Wanted) -> list[str]:
    sampled, count = distribution.sampled, distribution.count
    if sampled is None or not sampled.unseen(count):
        return []
    told = counted_of(sampled.looked_at(count), sampled.drawn_from, "sample", "was", "were")
    note = f"{told} drawn: the intervals do not hold the chance of the draw"
    longest = distribution.values[-1]
    if wanted.max_length is None or longest < wanted.max_length:
        note += (
            f", and longer samples than {longest:,} {distribution.unit} may need more memory than "
            "is said here"
        )
    return [note]


def _of_masks(chosen: Candidate | None, candidates: Sequence[Candidate]) -> list[str]:
    notes = []
    if chosen and chosen.lacks_masks:
        notes.append(
            "what a mask of padding adds to a step was not measured, so padded batches cost more "
            f"than this: {chosen.measured.unknown_masks}"
        )
    lacking = dict.fromkeys(c.measured.contender.label for c in candidates if c.lacks_masks)
    if lacking and any(each.measured.masked for each in candidates):
        in_order = any(each.lacks_masks and not each.problems for each in candidates)
        notes.append(
            f"masks of padding are counted for neither side where {' or '.join(lacking)} is "
            f"compared{', and for nobody in the order' if in_order else ''}, since what they add "
            "there is not known"
        )
    return notes


def _of_packing(candidates: Sequence[Candidate], wanted: Wanted) -> list[str]:
    """Say of whom the cost is only known at most, where it is not padded to the maximum alone."""
    found = [each for each in candidates if each.cost.overstated > 0]
    labels = dict.fromkeys(each.measured.contender.label for each in found)
    if not labels or wanted.batch_size == 1:
        return []
    is_memory = wanted.objective == "memory"
    why = "" if is_memory else ", because nobody broke down what they take (`breakdown` true)"
    return [
        f"the {'memory' if is_memory else 'cost'} of {', '.join(labels)} is told at most, as if "
        f"its layers computed padding, too{why}; the intervals reach down to what it is without "
        "any padding"
    ]


def _of_batches(chosen: Candidate, wanted: Wanted) -> list[str]:
    assert chosen.measured.model
    model = chosen.measured.model
    notes = [f"the fit foresees a length that it does not know to {model.holdout_error:.1%}"]
    if len(model.visits) == 1:
        notes.append(ONE_VISIT)
    beside = chosen.cost.beside_batches_share
    if wanted.objective != "memory" and beside > 0:
        notes.append(
            f"extrapolated over batch: {beside:.0%} of the cost is of steps with other batch sizes "
            "than were measured near their lengths, and the largest that was measured anywhere is "
            f"{model.largest_batch}"
        )
    return notes


def _of_memory(chosen: Candidate | None, wanted: Wanted) -> list[str]:
    """Say what foreseen memory holds too often and what not at all, where it decides anything."""
    if not wanted.budget_gib and wanted.objective != "memory":
        return []
    notes = []
    if wanted.batch_size > 1:
        notes.append(
            "memory was measured at batch size 1; what lies above the loaded model counts once per "
            "sample, even what does not grow with the batch: buffers of libraries on a CPU, and in "
            "training gradients; the optimiser's state counts once, as AdamW's two moments"
        )
    if chosen and chosen.measured.model and has_masks(chosen.measured.model, chosen.plan):
        notes.append(
            "memory was measured without a mask of padding, so padded batches may need more than "
            "this: in full attention some bytes for each pair of tokens of each sample"
        )
    return notes


def _of_variant(chosen: Candidate, modality: str) -> list[str]:
    name = chosen.measured.contender.variant
    variant = VARIANTS[modality].get(name)
    return [f"{name} {variant.caution}"] if variant and variant.caution else []
