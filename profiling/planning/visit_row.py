"""The row of a visit, as far as it is known without measuring; imports no torch."""

from dataclasses import asdict

from datamodules.modality import MODALITIES
from profiling.planning.schedule import Visit
from profiling.rows.machine import library_versions
from profiling.rows.run_directory import Row

# What only a child can say of a point; null until it has.
UNKNOWN: Row = dict.fromkeys(
    (
        "error",
        "effective_sequence_length",
        "latency_ms",
        "latency_ms_p10",
        "latency_ms_p90",
        "latency_ms_samples",
        "throughput_samples_per_s",
        "throughput_tokens_per_s",
        "throughput_batch_size",
        "throughput_latency_ms_samples",
        "throughput_attention_kernel",
        "largest_batch_size",
        "largest_batch_limited_by",
        "peak_memory_mib",
        "memory_above_weights_mib",
        "parameters",
        "attention_kernel",
        "cores",
        "flops",
        "components",
    )
)


def row_of(visit: Visit) -> Row:
    """Return the conditions of a visit, and null for what a child will say."""
    point = visit.point
    modality = MODALITIES[point.modality]
    return (
        UNKNOWN
        | asdict(point.conditions)
        | asdict(point.effort)
        | {
            "key": point.key,
            "visit": visit.number,
            "modality": point.modality,
            "variant": point.variant,
            "implementation": point.implementation,
            "attention_window": point.attention_window,
            "checkpoint": point.checkpoint,
            "phase": point.phase,
            "batch_source": point.batch_source,
            "fingerprint": point.fingerprint,
            "versions": library_versions(),
            "batch_size": 1,
            "sequence_length": modality.sequence_length(point.length),
            "input_size": modality.input_size(point.length),
            "max_length": point.max_length,
            "status": "ok",
        }
    )
