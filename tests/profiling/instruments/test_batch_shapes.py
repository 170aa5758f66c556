"""The size of a batch is known, or it is not guessed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence

from datamodules.geometry import frames_for_samples
from profiling.callback import ProfilingCallback
from profiling.instruments.batch_shapes import batch_shape, count_real_tokens
from tests.samples.fitting import TinyTokens, fit, tokens


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (pack_sequence([torch.randn(n, 6) for n in (30, 20, 10)]), "PackedSequence"),
        (
            torch.nested.nested_tensor([torch.ones(5, 3), torch.ones(9, 3)], layout=torch.jagged),
            "NestedTensor",
        ),
        (
            {
                "input_ids": torch.nested.nested_tensor(
                    [torch.ones(5), torch.ones(9)], layout=torch.jagged
                )
            },
            "input_ids",
        ),
        ({"input_values": torch.zeros(2, 1024, 128)}, r"input_values \(2, 1024, 128\)"),
        ({"input_values": torch.zeros(2, 1, 16_000)}, "input_values"),
        ({"input_values": torch.zeros(2, 399)}, "input_values"),
        ({"input_features": torch.zeros(2, 80, 300)}, "input_features"),
        ({"input_ids": torch.zeros(8, 4, 30)}, "input_ids"),
        ({"input_ids": torch.zeros(50)}, "input_ids"),
        ({"input_ids": [[1, 2], [3, 4]]}, r"input_ids \(list\)"),
        ({"input_ids": torch.zeros(2, 9), "pixel_values": torch.zeros(2, 3, 8, 9)}, "pixel_values"),
        ({"pixel_values": torch.zeros(2, 16, 3, 64, 96)}, "pixel_values"),
        (torch.zeros(2, 16, 3, 64, 96), "5 dimensions"),
        (torch.zeros(2, 3, 64, 4), "4 dimensions"),
        ([torch.zeros(5, 3), torch.zeros(9, 3)], "list of Tensor"),
        ({}, "nothing"),
        ([], "list"),
        (None, "NoneType"),
    ],
)
def test_a_batch_that_leaves_doubt_is_described_and_not_guessed(batch: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        batch_shape(batch)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_are_read_with_their_channels_first_or_last(channels: int) -> None:
    for images in (torch.zeros(2, channels, 32, 48), torch.zeros(2, 32, 48, channels)):
        assert tuple(batch_shape(images)) == (2, None, 48)


@given(data=st.data(), batch_size=st.integers(1, 4), length=st.integers(1, 9))
def test_real_tokens_are_those_of_the_mask(data: Any, batch_size: int, length: int) -> None:
    row = st.lists(st.integers(0, 1), min_size=length, max_size=length)
    rows = data.draw(st.lists(row, min_size=batch_size, max_size=batch_size))
    batch = tokens(batch_size, length) | {"attention_mask": torch.tensor(rows)}
    expected = sum(number for row in rows for number in row)
    assert count_real_tokens(batch, batch_shape(batch)) == expected


def test_real_frames_of_speech_are_counted_per_recording() -> None:
    mask = torch.zeros(2, 5000, dtype=torch.bool)
    mask[0], mask[1, :1234] = True, True
    batch = {"input_values": torch.zeros(2, 5000), "attention_mask": mask}
    expected = frames_for_samples(5000) + frames_for_samples(1234)
    assert count_real_tokens(batch, batch_shape(batch)) == expected


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(3, 7, 7),
        torch.ones(3, 8),
        torch.zeros(3, 7) - torch.inf,
        [[1] * 7] * 3,
        None,
    ],
)
def test_a_mask_of_another_kind_counts_nothing(mask: Any) -> None:
    batch = tokens(3, 7) | {"attention_mask": mask}
    assert count_real_tokens(batch, batch_shape(batch)) is None


def test_rows_give_tokens_with_and_without_padding(tmp_path: Path) -> None:
    mask = torch.zeros(4, 100, dtype=torch.long)
    mask[0], mask[1:, :10] = 1, 1
    callback = ProfilingCallback(1, 1)
    batches = [tokens(4, 100) | {"attention_mask": mask}] * 3
    fit(TinyTokens(), batches, tmp_path, callbacks=[callback])
    (row,) = callback.rows()
    per_step = row["latency_ms"] / 1e3
    assert row["throughput_tokens_per_s"] * per_step == pytest.approx(400)
    assert row["throughput_real_tokens_per_s"] * per_step == pytest.approx(130)
