"""What *HParams* of TensorBoard shows: a line per run, a column per condition that differs."""

from collections.abc import Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2 as hparams

from profiling.analysis.points.curves import Curve

METRICS = ("latency_ms", "peak_memory_mib")
# What a run is, said also where all runs are alike in it.
ALWAYS = ("modality", "variant", "implementation")


def conditions_of(curves: Sequence[Curve]) -> dict[str, str | int]:
    """Return the conditions of a run, and the longest length that it could measure per phase."""
    contender, setting = curves[0].contender, curves[0].setting
    longest = {
        f"longest_{curve.phase}": max((p.length for p in curve.points if p.values), default=0)
        for curve in curves
    }
    return {
        "modality": curves[0].modality,
        "variant": contender.variant,
        "implementation": contender.kernel,
        "attention_window": contender.attention_window or 0,
        "checkpoint": contender.checkpoint or "",
        **dict(setting.values),
        **longest,
    }


def plan_of(runs: Sequence[Sequence[Curve]]) -> Summary:
    """Name the columns; the metrics are the curves, of which the last value is shown."""
    found: dict[str, set[str | int]] = {}
    for curves in runs:
        for name, value in conditions_of(curves).items():
            found.setdefault(name, set()).add(value)
    # TensorBoard shows the first few columns: those in which nothing differs would hide the others.
    parameters = [
        hparams.HParam(name, hparams.Discrete(sorted(values, key=str)))
        for name, values in found.items()
        if len(values) > 1 or name in ALWAYS
    ]
    measured = dict.fromkeys(
        (curve.modality, curve.phase, metric)
        for curves in runs
        for curve in curves
        for metric in METRICS
        if curve.measured(metric)
    )
    metrics = [
        hparams.Metric("/".join(tag), display_name=f"{' '.join(tag)} at the longest length")
        for tag in measured
    ]
    return hparams.hparams_config_pb(parameters, metrics)
