"""Hand-written tipping points, best against best."""

from collections.abc import Sequence
from typing import Any

from profiling.analysis.answers.verdicts import verdict_of

Row = dict[str, Any]
LENGTHS = (128, 256, 512, 1024)
WINS = ("always", "crosses", "several")
# Ratios with their intervals, by outcome; what only one side can do has none.
RATIOS = {"win": (0.5, 0.45, 0.55), "tie": (1.0, 0.9, 1.1), "lose": (1.5, 1.4, 1.6)}


def answer_of(name: str, outcomes: Sequence[str], saved: float = 0.0, **fields: Any) -> Row:
    """Return the row of a variant with these outcomes at the first lengths.

    Args:
        name: Of the variant.
        outcomes: win, tie or lose at each length; `out` for a win and `lost` for a loss without a
            ratio, since one side does not fit; `missing` where nothing was compared.
        saved: Is taken from every ratio and from its interval.
        fields: What else is different.
    """
    items = [_item(*pair, saved) for pair in zip(LENGTHS, outcomes, strict=False)]
    compared = [item for item in items if item["outcome"] != "missing"]
    decided = [str(item["outcome"]) for item in compared]
    verdict = verdict_of(decided) if decided else "undecided"
    wins = verdict in WINS
    at_most = verdict == "crosses" and "lose" not in decided
    last_other = max((n for n, each in enumerate(decided) if each != "win"), default=0)
    before = compared[last_other]["length"] if compared else LENGTHS[0]
    place = float(LENGTHS[0] if verdict == "always" else before * 1.3)
    low = float(LENGTHS[0]) if at_most else place / 1.1
    row: Row = {
        "modality": "text",
        "phase": "inference",
        "metric": "latency",
        "comparison": "best_vs_best",
        "vanilla": "bert",
        "vanilla_implementation": "sdpa",
        "efficient": name,
        "attention_window": None,
        "verdict": verdict,
        "tipping_point": place if wins else None,
        "ci_low": low if wins else None,
        "ci_high": place * 1.1 if wins else None,
        "at_most": at_most,
        "interval_from": "visits",
        "longest_measured": compared[-1]["length"] if compared else None,
        "lengths": items,
    }
    return row | fields


def _item(length: int, outcome: str, saved: float) -> Row:
    name = {"out": "win", "lost": "lose"}.get(outcome, outcome)
    known = [value - saved for value in RATIOS[outcome]] if outcome in RATIOS else [None] * 3
    item = dict(zip(("ratio", "ci_low", "ci_high"), known, strict=True))
    return {"length": length, "outcome": name, **item}
