import subprocess
import sys

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.geometry import (
    frames_for_samples,
    round_up_side,
    samples_for_frames,
    samples_for_seconds,
)

HUBERT_CONVOLUTIONS = [(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)]  # kernel, stride


@given(st.integers(1, 10**7))
def test_samples_for_frames_are_the_fewest_that_give_these_frames(frames):
    samples = samples_for_frames(frames)
    assert frames_for_samples(samples) == frames
    assert frames_for_samples(samples - 1) == frames - 1


@given(st.integers(400, 60_000))
def test_frames_for_samples_equals_the_convolutions_of_hubert(samples):
    length = samples
    for kernel, stride in HUBERT_CONVOLUTIONS:
        length = (length - kernel) // stride + 1
    assert frames_for_samples(samples) == length


@pytest.mark.parametrize("frames", [1, 2, 37])
def test_real_convolutions_return_exactly_the_wanted_frames(frames):
    signal = torch.zeros(1, 1, samples_for_frames(frames))
    for kernel, stride in HUBERT_CONVOLUTIONS:
        signal = torch.nn.functional.conv1d(signal, torch.zeros(1, 1, kernel), stride=stride)
    assert signal.shape[-1] == frames


def test_too_few_samples_give_no_frame():
    assert [frames_for_samples(samples) for samples in (0, 79, 399, 400)] == [0, 0, 0, 1]


@given(st.integers(0, 10**8))
@example(1005)
def test_a_time_in_thousandths_of_a_second_has_16_samples_for_each(milliseconds):
    assert samples_for_seconds(milliseconds / 1000) == 16 * milliseconds


@given(st.integers(1, 5000), st.integers(1, 64))
def test_round_up_side_returns_the_next_multiple(pixels, multiple):
    side = round_up_side(pixels, multiple)
    assert side % multiple == 0
    assert pixels <= side < pixels + multiple


@pytest.mark.parametrize("convert", [samples_for_frames, round_up_side])
def test_a_size_below_one_is_refused(convert):
    with pytest.raises(DataError, match="must be at least 1, got 0"):
        convert(0)


def test_geometry_lengths_and_errors_import_without_torch():
    code = (
        "import sys, datamodules, datamodules.errors, datamodules.geometry, datamodules.lengths, "
        "datamodules.files.fingerprints; "
        "sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
