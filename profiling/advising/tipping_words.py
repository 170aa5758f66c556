"""What is said to people of a tipping point beside their data."""

from collections.abc import Mapping, Sequence
from typing import Any


def tipping_line(family: str, point: Mapping[str, Any], unit: str) -> str:
    """Return a sentence: where a model begins to win, and what share of the samples is so long.

    Args:
        family: The model.
        point: The fields of its `TippingPoint`.
        unit: Of lengths.
    """
    pair, verdict = f"{family} over {point['vanilla']}", point["verdict"]
    if verdict == "undecided":
        return f"The tipping point of {pair} is undecided: {point['reason']}."
    if verdict == "never_in_range":
        return f"No win of {pair} is seen up to {point['longest_measured']:,} {unit}."
    if verdict == "wins_only_below":
        return (
            f"Wins of {pair} are seen at shorter inputs alone, and none at "
            f"{point['longest_measured']:,} {unit}."
        )
    share, value = _share(point), f"{point['tipping_point']:,.0f}"
    if verdict == "always":
        return (
            f"{family} wins over {point['vanilla']} from {value} {unit} on, the shortest length "
            f"that was compared: {share} of the samples are at least so long."
        )
    low, high = (f"{point[name]:,.0f}" for name in ("ci_low", "ci_high"))
    where = f"at most {high}" if point["at_most"] else f"{value} [{low}-{high}]"
    return f"The tipping point of {pair} is {where} {unit}: {share} of the samples lie beyond it."


def of_other_batches(compared: Sequence[int], asked: int) -> str:
    """Return what follows a sentence on batches of other sizes than were asked for; else nothing.

    Args:
        compared: The batch sizes in which two models were compared, ascending; none where nobody
            knows them.
        asked: The one that the advice is for.
    """
    if [*compared] == [asked]:
        return ""
    ends = dict.fromkeys(f"{size:,}" for size in (*compared[:1], *compared[-1:]))
    sizes = f"batches of {' to '.join(ends)}" if ends else "batches whose size is not known"
    return (
        f" The sweep compared the two in {sizes}; in batches of {asked:,} the comparison may come "
        "out differently."
    )


def _share(point: Mapping[str, Any]) -> str:
    share = f"{point['share_beyond']:.1%}"
    if point["at_most"]:
        return f"at least {share}"
    ends = [f"{point[name]:.1%}" for name in ("share_low", "share_high")]
    return share if set(ends) == {share} else f"{share} [{', '.join(ends)}]"
