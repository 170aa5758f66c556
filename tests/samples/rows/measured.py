"""What holds for every row that a sweep has measured."""

from collections.abc import Collection
from typing import Any

import pytest


def check_is_complete(row: dict[str, Any], metrics: Collection[str]) -> None:
    """Assert that a row has what was asked for, two samples of it or more, and the size."""
    assert len(row["latency_ms_samples"]) >= 2
    assert row["latency_ms_p10"] <= row["latency_ms"] <= row["latency_ms_p90"]
    assert row["parameters"] > 0
    if "throughput" in metrics:
        assert row["throughput_batch_size"] in (1, 2)
        rate = row["throughput_tokens_per_s"] / row["throughput_samples_per_s"]
        assert rate == pytest.approx(row["sequence_length"])
    if "memory" in metrics:
        assert row["peak_memory_mib"] > row["memory_above_weights_mib"] > 0


def check_length(row: dict[str, Any]) -> None:
    """Assert that a row's length is what its model sees."""
    assert row["effective_sequence_length"] >= 1
    if row["variant"] == "vit":
        assert row["sequence_length"] == (row["input_size"] // 16) ** 2 + 1
    elif row["variant"] in ("swin", "swinv2"):
        assert row["sequence_length"] == (row["input_size"] // 4) ** 2
    elif row["variant"] == "parakeet":  # its tokens are four frames of 20 ms
        frames = (row["input_size"] - 400) // 320 + 1
        assert row["sequence_length"] == -(-frames // 4)
    elif row["modality"] == "speech":
        assert row["input_size"] == 400 + 320 * (row["sequence_length"] - 1)
    elif row["variant"] == "longformer":
        assert row["effective_sequence_length"] % row["attention_window"] == 0
