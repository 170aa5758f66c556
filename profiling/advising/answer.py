"""An advice as `advise --json` prints it: the same facts of what is recommended and of the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import Candidate
from profiling.advising.choosing import Judged
from profiling.advising.contenders import Wanted
from profiling.advising.qualities.measured import MeasuredQuality, measured_of
from profiling.advising.qualities.published import quality_of
from profiling.advising.savings import Saving
from profiling.advising.tipping import Model, TippingPoint, model_of

SAVING = ("saving", "ci_low", "ci_high")
COSTS = (
    *("cost_per_sample", "cost_per_epoch", "padding_share", "edges", "peak_memory_mib"),
    *("holdout_error", "extrapolated_share", "extrapolated_over_batch_share"),
)
FACTS = (
    *(*SAVING, "saving_over_padded", *COSTS, "tipping_point", "share_beyond", "problems"),
    *("quality", "measured_quality"),
)


def asked_of(distribution: LengthDistribution, wanted: Wanted) -> dict[str, Any]:
    """Return what was asked for, and of which data."""
    return {
        "objective": wanted.objective,
        "phase": wanted.phase,
        "batch_size": wanted.batch_size,
        "max_length": wanted.max_length,
        "modality": distribution.modality,
        "data": distribution.name,
        "samples": samples_of(distribution),
    }


def samples_of(distribution: LengthDistribution) -> int:
    """Return the samples of an epoch: of a draw as many as all of its source is to have then."""
    count, sampled = distribution.count, distribution.sampled
    if sampled is None:
        return count
    return round(sampled.drawn_from * count / sampled.looked_at(count))


@dataclass(frozen=True)
class Facts:
    """What is said of a candidate, whether it is recommended or not.

    Args:
        samples: Of an epoch; None where the cost is not that of a sample.
        points: The tipping point of each model that was compared with its vanilla one.
        qualities: What runs of one's own found the variants to keep or lose.
    """

    samples: int | None
    points: Mapping[Model, TippingPoint]
    qualities: Sequence[MeasuredQuality]

    def of(self, judged: Judged | None) -> dict[str, Any]:
        """Return the facts by the names of `FACTS`; none of them has a value for None."""
        if judged is None:
            return dict.fromkeys(FACTS) | {"saving_over_padded": _saved(None)}
        contender = judged.candidate.measured.contender
        point, quality = self.points.get(model_of(contender)), quality_of(contender.variant)
        own = measured_of(self.qualities, contender.variant, contender.attention_window)
        return {
            **_saved(judged.same_policy),
            "saving_over_padded": _saved(judged.over_padded),
            **self._costs(judged.candidate),
            "tipping_point": asdict(point) if point else None,
            "share_beyond": point.share_beyond if point else None,
            "problems": list(judged.candidate.problems),
            "quality": {"statement": quality.statement, "source": quality.source},
            "measured_quality": [each.to_dict() for each in own],
        }

    def _costs(self, candidate: Candidate) -> dict[str, Any]:
        """Return what a candidate costs, with what its batches are and how well that is known."""
        model = candidate.measured.model
        epoch = None if self.samples is None else candidate.mean_cost * self.samples
        return {
            "cost_per_sample": candidate.mean_cost,
            "cost_per_epoch": epoch,
            "padding_share": candidate.padding_share,
            "edges": list(candidate.plan.edges),
            "peak_memory_mib": candidate.peak_mib,
            "holdout_error": model.holdout_error if model else None,
            "extrapolated_share": candidate.cost.extrapolated_share,
            "extrapolated_over_batch_share": candidate.cost.beside_batches_share,
        }


def _saved(saving: Saving | None) -> dict[str, Any]:
    return saving.to_dict() if saving else dict.fromkeys(SAVING)


def name_of(candidate: Candidate) -> dict[str, Any]:
    """Return what a candidate is."""
    contender = candidate.measured.contender
    return {
        "variant": contender.variant,
        "implementation": contender.kernel,
        "attention_window": contender.attention_window,
        **({"checkpoint": contender.checkpoint} if contender.checkpoint else {}),
        "policy": candidate.plan.policy,
    }
