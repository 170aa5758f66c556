"""An advice in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.counted import counted
from datamodules.modality import MODALITIES
from lightning_modules.variants import VARIANTS
from profiling.advising.durations import duration_words
from profiling.advising.tipping_words import of_other_batches, tipping_line
from profiling.analysis.points.axes import axis_of

VERDICTS = {
    "saves": "Take {name}.",
    "cannot_tell": "Cannot tell whether an efficient variant saves anything; stay with {name}.",
    "keep_vanilla": "Keep {name}: no efficient variant is cheaper on these data.",
    "only_feasible": "Take {name}: no vanilla one is known to run these data.",
    "nothing_fits": "Nothing that was measured is known to run these data{batches}.",
}
NOTHING_ELSE = "Keep {name}: no efficient variant is known to run these data."
MOST_ALTERNATIVES = 8
MARKED_FROM = 0.05  # of the cost: what a sample in the tail adds needs no mark


def as_lines(advice: Mapping[str, Any], unit: str) -> list[str]:
    """Return what a person reads, the answer first.

    Args:
        advice: The answer of one run, as `advise --json` prints it.
        unit: Of the cost of a sample; for the objective `memory` of its largest step.
    """
    batches = "" if advice["objective"] == "latency" else f" in batches of {advice['batch_size']:,}"
    name = _name(advice["recommended"]) + batches
    lines = [_verdict(advice).format(name=name, batches=batches)]
    if advice["recommended"]:
        lines += _of_recommended(advice, unit)
    lines += ["Alternatives, cheapest first:"] if advice["alternatives"] else []
    pads = axis_of(advice["modality"]) != "input_size"
    lines += [_alternative(each, unit, pads) for each in advice["alternatives"][:MOST_ALTERNATIVES]]
    return lines + [f"- {note}" for note in advice["notes"]]


def comparison_lines(
    names: Sequence[str], comparison: Mapping[str, Any], objective: str
) -> list[str]:
    """Return what several runs say together.

    Args:
        names: Of the runs.
        comparison: As `compare_advice` returns it.
        objective: What was asked for.
    """
    _, least = _words_of_cost(objective)
    same = "the same" if comparison["same_recommendation"] else "not the same"
    maybe = comparison["maybe_cheapest"]
    told = ""
    if comparison["cheapest_run"]:
        told = f"; {least} in {comparison['cheapest_run']}"
    elif differing := comparison["differing_conditions"]:
        under = ", ".join(f"{name} ({conditions})" for name, conditions in differing.items())
        told = f"; costs under different conditions are not ranked: {under}"
    elif maybe:
        told = f"; in which of {', '.join(maybe)} {least} cannot be told"
    return [f"The advice of {len(names)} runs is {same}{told}."]


def _verdict(advice: Mapping[str, Any]) -> str:
    vanilla = {name for name, each in VARIANTS[advice["modality"]].items() if each.is_vanilla}
    efficient = [
        each
        for each in advice["alternatives"]
        if not each["problems"] and each["variant"] not in vanilla
    ]
    kept = advice["verdict"] == "keep_vanilla"
    return VERDICTS[advice["verdict"]] if efficient or not kept else NOTHING_ELSE


def _of_recommended(advice: Mapping[str, Any], unit: str) -> list[str]:
    # The best vanilla kernel saves nothing over itself.
    vanilla = advice["verdict"] in ("cannot_tell", "keep_vanilla")
    same = "" if vanilla else f"{_saving(advice)} over vanilla under the same policy, and "
    pads = axis_of(advice["modality"]) != "input_size"  # images are resized to one side
    padding = f"; padding is {advice['padding_share']:.1%} of the positions" if pads else ""
    told, _ = _words_of_cost(advice["objective"])
    cost = f"{told} {advice['cost_per_sample']:.4g} {unit}{_epoch(advice)}"
    length_unit = MODALITIES[advice["modality"]].unit
    lines = [
        f"{cost}{padding}{_beside(advice)}.",
        f"It saves {same}{_saving(advice['saving_over_padded'])} over vanilla padded to the "
        "maximum.",
    ]
    if advice["edges"]:
        edges = ", ".join(f"{edge:,}" for edge in advice["edges"])
        lines.append(f"Bucket edges: {edges} {length_unit}.")
    if advice["ceiling"] is not None:
        lines.append(f"No attention could save more than {advice['ceiling']:.1%} on these data.")
    if (point := advice["tipping_point"]) is not None:
        told = tipping_line(advice["share_beyond_of"], point, length_unit)
        lines.append(told + of_other_batches(point["batch_sizes"], advice["batch_size"]))
    return lines


def _epoch(advice: Mapping[str, Any]) -> str:
    if advice["cost_per_epoch"] is None:
        return ""
    samples = counted(advice["samples"], "sample")
    return f", an epoch of {samples} {duration_words(advice['cost_per_epoch'])}"


def _words_of_cost(objective: str) -> tuple[str, str]:
    """Return how a cost is told, and how the least of several: memory is that of a whole step."""
    if objective == "memory":
        return "The largest step needs", "the largest step needs least memory"
    return "A sample costs", "a sample costs least"


def _alternative(each: Mapping[str, Any], unit: str, pads: bool) -> str:
    problems = f"; {'; '.join(each['problems'])}" if each["problems"] else ""
    padding = f", padding {each['padding_share']:.1%}" if pads else ""
    return (
        f"  {_name(each)}: {each['cost_per_sample']:.4g} {unit}{padding}, "
        f"saves {_saving(each)}{_beside(each)}{problems}"
    )


def _beside(each: Mapping[str, Any]) -> str:
    """Say over what its cost is mostly extrapolated."""
    shares = {"length": "extrapolated_share", "batch": "extrapolated_over_batch_share"}
    over = [word for word, name in shares.items() if each[name] > MARKED_FROM]
    return f"; extrapolated over {' and '.join(over)}" if over else ""


def _name(named: Mapping[str, Any] | None) -> str:
    if named is None:
        return "nothing"
    window = f" w{named['attention_window']}" if named["attention_window"] else ""
    weights = f" ({named['checkpoint']})" if named.get("checkpoint") else ""
    return f"{named['variant']}{window}{weights} {named['implementation']} with {named['policy']}"


def _saving(told: Mapping[str, Any]) -> str:
    if told["saving"] is None:
        return "an unknown share"
    ends = f" [{told['ci_low']:.1%}, {told['ci_high']:.1%}]" if told["ci_low"] is not None else ""
    return f"{told['saving']:.1%}{ends}"
