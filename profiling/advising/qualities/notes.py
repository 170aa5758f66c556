"""What a reader must know of quality beside the numbers of an advice."""

from collections.abc import Sequence

from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Measured
from profiling.advising.qualities.measured import MeasuredQuality, measured_of
from profiling.advising.qualities.published import UNKNOWN, VANILLA, quality_of
from profiling.analysis.points.groups import Contender


def notes_of_quality(
    chosen: Candidate | None, measured: Sequence[Measured], qualities: Sequence[MeasuredQuality]
) -> list[str]:
    """Say what is known of what is recommended, and each figure of one's own once.

    Args:
        chosen: What is recommended; None for nothing. Of a vanilla one there is nothing to say:
            others are held against it.
        measured: All contenders.
        qualities: What runs of one's own found the variants to keep or lose.
    """
    published = _published(chosen.measured.contender, qualities) if chosen else []
    own = [
        f"measured quality: {each}"
        for one in measured
        for each in _own_figures(one.contender, qualities)
    ]
    return [*published, *dict.fromkeys(own)]


def where_others_stand(chosen: Candidate | None, candidates: Sequence[Candidate]) -> list[str]:
    """Say in one note where to read of the quality of other efficient variants.

    Args:
        chosen: What is recommended; None for nothing.
        candidates: All of them.
    """
    names = dict.fromkeys(each.measured.contender.variant for each in candidates)
    left = VANILLA | ({chosen.measured.contender.variant} if chosen else set())
    told = [f"{name} {_place(quality_of(name).source)}" for name in names if name not in left]
    listed = f"where the quality of alternatives stands: {', '.join(told)}"
    return [f"{listed}; `--json` has the statements"] if told else []


def _published(contender: Contender, qualities: Sequence[MeasuredQuality]) -> list[str]:
    known = quality_of(contender.variant)
    # Who has measured the quality needs not be asked to do so.
    if contender.variant in VANILLA or (known == UNKNOWN and _own_figures(contender, qualities)):
        return []
    source = "" if known == UNKNOWN else f" ({known.source})"
    return [f"quality: {known.statement}{source}"]


def _own_figures(
    contender: Contender, qualities: Sequence[MeasuredQuality]
) -> list[MeasuredQuality]:
    return measured_of(qualities, contender.variant, contender.attention_window)


def _place(source: str) -> str:
    return "nowhere" if source == "none" else f"in {source}"
