"""What `profile.py lengths` says of one data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.lengths import LengthDistribution
from datamodules.sampling import interval_of, mean_and_error
from profiling.distributions.cutting import Cut, cut_at, recommend, usual_cuts
from profiling.distributions.padding import Padding, bucket_edges, padding_by_policy

QUANTILES = (0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Batching:
    """How samples are batched for the table of padding.

    Args:
        batch_sizes: Samples of a batch.
        num_buckets: Buckets that edges are suggested for.
        max_length: Longest length, on the modality's axis; None takes the recommended one.
    """

    batch_sizes: Sequence[int]
    num_buckets: int
    max_length: int | None = None


@dataclass(frozen=True)
class Summary:
    """A data set in numbers.

    Args:
        distribution: Its lengths.
        mean: Mean length.
        mean_error: Its standard error, 0 where all samples are known, None where one sample does
            not tell it.
        quantiles: Length at each of QUANTILES.
        cuts: What usual longest lengths cut off.
        recommended: The one to take.
        is_certain: Whether the intervals leave no doubt of it: of the usual cuts, which alone are
            recommended.
        chosen: The one that padding is told for.
        edges: Suggested bucket edges; none for images, which are all resized to one side.
        paddings: Padding per policy and batch size; none for images.
    """

    distribution: LengthDistribution
    mean: float
    mean_error: float | None
    quantiles: Sequence[int]
    cuts: Sequence[Cut]
    recommended: Cut
    is_certain: bool
    chosen: Cut
    edges: Sequence[int]
    paddings: Sequence[Padding]

    @property
    def mean_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean; None where its error is unknown."""
        return interval_of(self.mean, self.mean_error)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for programs."""
        distribution = self.distribution
        sampled = distribution.sampled
        low, high = self.mean_interval or (None, None)
        draw = {
            "drawn_from": sampled.drawn_from if sampled else distribution.count,
            "mean_standard_error": self.mean_error,
            "mean_low": low,
            "mean_high": high,
        }
        return {
            "name": distribution.name,
            "modality": distribution.modality,
            "unit": distribution.unit,
            "source": distribution.source,
            "count": distribution.count,
            "mean": self.mean,
            **(draw if sampled else {}),
            "found": distribution.count_found,
            "left_out": {reason: dict(counts) for reason, counts in distribution.left_out.items()},
            "quantiles": dict(zip(map(str, QUANTILES), self.quantiles, strict=True)),
            "cuts": [cut.to_dict() for cut in self.cuts],
            "recommended_max_length": self.recommended.max_length,
            "recommended_is_certain": self.is_certain,
            "max_length": self.chosen.max_length,
            "bucket_edges": list(self.edges),
            "padding": [padding.to_dict() for padding in self.paddings],
        }


def summarise(distribution: LengthDistribution, batching: Batching) -> Summary:
    """Say in numbers what the lengths of a data set mean for cutting and batching."""
    mean, error = mean_and_error(distribution.values, distribution.counts, distribution.sampled)
    cuts = usual_cuts(distribution)
    recommended = recommend(distribution, cuts)
    is_certain = all(c.is_certain for c in cuts if c.max_length <= recommended.max_length)
    chosen = recommended
    if batching.max_length is not None:
        chosen = cut_at(distribution, batching.max_length)
        cuts = sorted({c.max_length: c for c in [*cuts, chosen]}.values(), key=_max_length)
    edges: list[int] = []
    paddings: list[Padding] = []
    if distribution.modality != "vision":
        edges = bucket_edges(distribution, chosen.max_length, batching.num_buckets)
        paddings = padding_by_policy(distribution, batching.batch_sizes, chosen.max_length, edges)
    return Summary(
        distribution,
        mean,
        error,
        distribution.quantiles(QUANTILES),
        cuts,
        recommended,
        is_certain,
        chosen,
        edges,
        paddings,
    )


def _max_length(cut: Cut) -> int:
    return cut.max_length
