"""The tables of docs/librispeech.md that follow from counts: operations and hours."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.training.hours.arithmetic import (
    GPUS,
    PUBLISHED,
    RECIPES,
    UTILISATIONS,
    UTTERANCE_S,
    find_gpu,
    gpu_hours,
    measured_hours,
    utilisation,
)

TERA = 1e12
VANILLA = "hubert"


def counted_block(results: Mapping[str, Any]) -> str:
    """Return the tables in Markdown.

    Args:
        results: What `benchmarks/training/gpu_hours.py` counted: `frames`, and `models` by name,
            each with counts by task.
    """
    counts = results["models"]
    return "\n".join(
        [
            f"Operations of a step, counted for utterances of {results['frames']} frames "
            f"({UTTERANCE_S:.1f} s, the mean of LibriSpeech); a multiplication and an addition are "
            "two; no layer is dropped:",
            "",
            *operations_table(counts),
            "",
            "Hours of one GPU for HuBERT Base, by the share of the peak that training reaches "
            "(k GPUs take a k-th of it, if they wait for nothing):",
            "",
            *hours_table(counts[VANILLA]),
            "",
            "Published hours, and the share of the peak that they come to if they are of our "
            "recipe:",
            "",
            *published_table(counts[VANILLA]),
        ]
    )


def operations_table(counts: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return a line per model: operations of steps, and what windows leave out."""
    lines = [
        "| model | pre-training, a step of 2,800 s | the same, pairs in the window alone "
        "| over HuBERT | fine-tuning, a step of 1,600 s |",
        "|---|---|---|---|---|",
    ]
    whole = counts[VANILLA]["pretraining"]["step"]
    for name, tasks in counts.items():
        of_step, of_window = tasks["pretraining"]["step"], tasks["pretraining"]["step_exact"]
        lines.append(
            f"| {name} | {_tera(of_step, 2_800)} | {_tera(of_window, 2_800)} | "
            f"{of_step / whole:.3f}, {of_window / whole:.3f} | "
            f"{_tera(tasks['ctc']['step'], 1_600)} |"
        )
    return lines


def _tera(flops: float, audio_s: float) -> str:
    return f"{flops * audio_s / UTTERANCE_S / TERA:,.1f} TFLOP"


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def hours_table(counts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a line per recipe and GPU."""
    shares = [f"at {_percent(share, 0)}" for share in UTILISATIONS]
    lines = [f"| run | GPU | {' | '.join(shares)} |", "|---" * (2 + len(shares)) + "|"]
    for recipe in RECIPES:
        for gpu in GPUS:
            flops = recipe.flops(counts[recipe.task])
            cells = [_hours(gpu_hours(flops, gpu, share)) for share in UTILISATIONS]
            lines.append(f"| {recipe.name} | {gpu.name} | {' | '.join(cells)} |")
    return lines


def published_table(counts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a line for everything that was published."""
    lines = ["| published | GPU-hours | share of the peak | source |", "|---|---|---|---|"]
    for one in PUBLISHED:
        gpu = find_gpu(one.gpu)
        shares = [
            f"{_percent(utilisation(recipe.flops(counts[recipe.task]), gpu, one.gpu_hours))} with "
            f"{recipe.steps:,} steps"
            for recipe in (RECIPES[place] for place in one.recipes)
        ]
        told = ", ".join(shares) or "another recipe"
        amount = f"{one.gpu_hours:,.0f} ({one.gpus} {one.gpu}, {one.hours / 24:.2g} days)"
        lines.append(f"| {one.what} | {amount} | {told} | {one.source} |")
    return lines


def estimate(
    counts: Mapping[str, Mapping[str, float]], audio_s_per_s: float, gpus: int, gpu: str | None
) -> Sequence[str]:
    """Return what one's own step comes to, a line per recipe.

    Args:
        counts: By task, of the model that was measured.
        audio_s_per_s: Seconds of audio that pre-training takes per second, on all GPUs.
        gpus: How many these are.
        gpu: Which one, to say what share of its peak that is; None says nothing of it.
    """
    lines = [f"{audio_s_per_s:,.0f} seconds of audio per second, on {gpus} GPU(s)"]
    if gpu is not None:
        flops = counts["pretraining"]["step"] / UTTERANCE_S * audio_s_per_s
        share = flops / (gpus * find_gpu(gpu).peak_flops)
        lines[0] += f": {_percent(share)} of the peak of {gpu}"
    for recipe in RECIPES:
        hours = measured_hours(recipe, audio_s_per_s, counts)
        lines.append(f"{recipe.name}: {hours:,.1f} hours, {hours * gpus:,.1f} GPU-hours")
    return lines
