"""Steps that were broken down into components, and what they say together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lightning.pytorch.utilities import rank_zero_info

from datamodules.counted import counted
from lightning_modules.models.components import COMPONENTS
from profiling.instruments.batch_shapes import BatchShape

PASSES = ("forward", "backward")


@dataclass(frozen=True)
class BrokenStep:
    """What the components of one step took, exclusive of each other.

    Args:
        phase: "inference" or "training".
        shape: Of its batch.
        step_kind: As that of a `Sample`.
        milliseconds: By component and pass; of the optimiser the pass is "forward".
        real_tokens: Tokens that are no padding; None where nobody knows.
    """

    phase: str
    shape: BatchShape
    step_kind: str | None
    milliseconds: dict[tuple[str, str], float]
    real_tokens: int | None = None

    @property
    def latency_ms(self) -> float:
        """The whole step, less the work of breaking it down."""
        return sum(self.milliseconds.values())

    def share_of(self, component: str) -> float:
        """Return the share of the step that a component takes; 0 of a step without time."""
        taken = sum(self.milliseconds.get((component, name), 0.0) for name in PASSES)
        return taken / self.latency_ms if self.latency_ms else 0.0


def components_of(steps: Sequence[BrokenStep]) -> dict[str, dict[str, float]]:
    """Return by component `forward_ms`, `backward_ms` and `share` of the step.

    The times are medians over the steps. The shares are medians of the shares of each, made to add
    up to 1: medians alone do not where steps differ, as on a busy machine. What a model has not,
    or what took no time, is left out.
    """
    found = {}
    for component in COMPONENTS:
        times = {name: _middle(steps, component, name) for name in PASSES}
        if any(times.values()):
            share = median(step.share_of(component) for step in steps)
            found[component] = {f"{name}_ms": ms for name, ms in times.items()} | {"share": share}
    total = sum(part["share"] for part in found.values())
    return {
        name: part | {"share": part["share"] / total if total else 0.0}
        for name, part in found.items()
    }


def with_components(rows: list[dict[str, Any]], steps: Iterable[BrokenStep]) -> list[Any]:
    """Return the rows, each with the `components` of the steps of its kind; null without any.

    `num_broken_steps` says of how many steps they are.
    """
    groups: dict[tuple[Any, ...], list[BrokenStep]] = defaultdict(list)
    for step in steps:
        groups[step.phase, *step.shape, step.step_kind].append(step)
    shape_fields = BatchShape._fields
    keys = [(row["phase"], *(row[name] for name in shape_fields), row["step_kind"]) for row in rows]
    return [
        row
        | {
            "components": components_of(groups[key]) if key in groups else None,
            "num_broken_steps": len(groups.get(key, ())),
        }
        for row, key in zip(rows, keys, strict=True)
    ]


def say_what_attention_takes(steps: Sequence[BrokenStep]) -> None:
    """Say what of the steps attention takes, and hence what a window could save.

    Lightning says it, whose log is shown without any setting, and by one process of several.
    """
    sentence = what_attention_takes(steps)
    if sentence:
        rank_zero_info(sentence)


def what_attention_takes(steps: Sequence[BrokenStep]) -> str:
    """Return a paragraph about lengths, padding and the share of attention; empty without steps."""
    timed = [step for step in steps if step.latency_ms > 0]
    if not timed:
        return ""
    return " ".join(
        part
        for part in (
            f"`ProfilingCallback` broke {counted(len(timed), 'step')} down.",
            _lengths(timed),
            _padding(timed),
            _attention(timed),
        )
        if part
    )


def _lengths(steps: Sequence[BrokenStep]) -> str:
    lengths = sorted(
        step.shape.sequence_length or step.shape.input_size or 0
        for step in steps
        if step.shape.sequence_length or step.shape.input_size
    )
    if not lengths:
        return ""
    middle = lengths[len(lengths) // 2]
    return f"Their batches were {lengths[0]:,} to {lengths[-1]:,} long, the middle one {middle:,}."


def _padding(steps: Sequence[BrokenStep]) -> str:
    known = [
        (step.real_tokens, step.shape.batch_size * step.shape.sequence_length)
        for step in steps
        if step.real_tokens is not None and step.shape.batch_size and step.shape.sequence_length
    ]
    if not known:
        return ""
    share = 1 - sum(real for real, _ in known) / sum(tokens for _, tokens in known)
    return f"Of their tokens {share:.0%} were padding."


def _attention(steps: Sequence[BrokenStep]) -> str:
    total = sum(step.latency_ms for step in steps)
    core = sum(_of_component(step, "attention_core") for step in steps)
    if not core:
        return "No attention was recognised in them."
    longest = max(steps, key=lambda step: step.shape.sequence_length or step.shape.input_size or 0)
    at_longest = _of_component(longest, "attention_core") / longest.latency_ms
    return (
        f"Attention itself, without its projections, took {core / total:.0%} of their time "
        f"({at_longest:.0%} in the longest): at these lengths no window and no other efficient "
        f"attention could save more than that."
    )


def _of_component(step: BrokenStep, component: str) -> float:
    return sum(step.milliseconds.get((component, name), 0.0) for name in PASSES)


def _middle(steps: Sequence[BrokenStep], component: str, name: str) -> float:
    return median(step.milliseconds.get((component, name), 0.0) for step in steps)
